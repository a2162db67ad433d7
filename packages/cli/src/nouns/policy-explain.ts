import { IpAddress } from "@holdfast/core";
import { type ExplainedEnd, type ExplainedVerdict, type Explanation, routes } from "@holdfast/model";
import { type CommandDefinition, text } from "../define-command.ts";
import { printObject } from "../output/print.ts";
import { formatTable } from "../output/table.ts";

const REASONS = {
  peers: "the other end is none of its peers",
  services: "it is about other services",
  "other-tenant": "it does not name the other tenant",
  "not-shared": "the other tenant does not share what it names",
} as const;

export const explainCommand: CommandDefinition = {
  name: "explain",
  summary: "Whether a connection would be allowed, which rule decides at each end, and why each earlier one does not.",
  options: [
    ["!--from <who>", "Who begins: an identity, tenant:identity, or an address.", "claim"],
    ["!--to <who>", "With whom: likewise.", "claim"],
    ["--port <number>", "Destination port of TCP, UDP and SCTP."],
    [
      "--protocol <name>",
      "tcp, udp, sctp, icmp, icmpv6 or a number. Absent: tcp.",
      ["tcp", "udp", "sctp", "icmp", "icmpv6"],
    ],
    ["--source-port <number>", "Absent: one of those that programs are given."],
    ["--icmp <type>", "Of ICMP: type, or type/code. Absent: an echo request."],
    ["--family <family>", "Where both have both. Absent: v4.", ["v4", "v6"]],
  ],
  examples: [
    "policy explain --from web-0 --to db-0 --port 5432",
    "policy explain --from 192.0.2.7 --to billing:api-0 --port 443",
    "policy explain --from web-0 --to db-0 --protocol icmp",
  ],
  async run({ client, call, io, output, tenant }, _, options) {
    const number = (name: string) => {
      const given = text(options, name);
      return given === undefined ? undefined : Number(given);
    };
    const protocol = text(options, "protocol") ?? "tcp";
    const [type, code = 0] = (text(options, "icmp") ?? "").split("/").map(Number);
    const body = {
      from: endOf(text(options, "from") ?? "", tenant),
      to: endOf(text(options, "to") ?? "", tenant),
      protocol: /^\d+$/.test(protocol) ? Number(protocol) : (protocol as "tcp"),
      port: number("port"),
      sourcePort: number("sourcePort"),
      family: text(options, "family") as "v4" | "v6" | undefined,
      ...(text(options, "icmp") === undefined ? {} : { icmp: { type: type ?? 0, code } }),
    };
    const told = await client.call(routes.explainPolicy, { body }, call);
    printObject(io, output, told, explanationText(told));
  },
};

/** `"web-0"`, `"billing:api-0"`, `"192.0.2.7"`; an address is whoever's it is. */
function endOf(written: string, own: string): Record<keyof ExplainedEnd, string> | { address: string } {
  if (IpAddress.tryParse(written) !== undefined) return { address: written };
  const cut = written.indexOf(":");
  const [tenant, identity] = cut < 0 ? [own, written] : [written.slice(0, cut), written.slice(cut + 1)];
  return { tenant, identity } as Record<keyof ExplainedEnd, string>;
}

/** E.g. `allowed: web-0 (10.20.0.2) to db-0 (10.20.0.3)` and the rules that were asked. */
function explanationText(told: Explanation): string {
  const head = `${told.verdict === "allow" ? "allowed" : "denied"}: ${who(told.from)} to ${who(told.to)}\n`;
  const why = told.unreachable === undefined ? "" : `\nThere is no way: ${told.unreachable}.\n`;
  const ends = endText("egress of the one that begins", told.egress) + endText("ingress of the other", told.ingress);
  return `${head}${why}${ends}${stagedText(told)}`;
}

function who({ address, claim }: Explanation["from"]): string {
  return claim === undefined
    ? `${address}, which nobody has claimed`
    : `${claim.tenant}/${claim.identity} (${address})`;
}

function endText(which: string, end: ExplainedVerdict | undefined): string {
  if (end === undefined) return `\n${which}: nobody's policies are asked\n`;
  const verdict = end.verdict === "allow" ? "allowed" : "denied";
  const steps = formatTable(
    [
      { title: "  TIER", text: ({ tier }) => `  ${tier}` },
      { title: "POLICY", text: ({ policy, staged }) => `${policy}${staged === true ? " (staged)" : ""}` },
      { title: "RULE", text: ({ rule }) => rule },
      { title: "ACTION", text: ({ action }) => action },
      { title: "MATCHES", text: ({ mismatch }) => (mismatch === undefined ? "yes" : `no: ${REASONS[mismatch]}`) },
    ],
    end.steps,
  );
  return `\n${which}: ${verdict} by ${originText(end.rule)}\n${end.steps.length === 0 ? "" : steps}`;
}

/** `rule/default/web/ingress/https` in words. */
function originText(rule: string): string {
  const [kind, tenant, ...rest] = rule.split("/");
  if (kind === "rule") return `rule ${rest[2]} of policy ${tenant}/${rest[0]}`;
  if (kind === "isolates") return `policy ${tenant}/${rest[0]}, which isolates: nothing of its tier has allowed it`;
  if (kind === "default")
    return `the default of ${rest.length === 1 ? `tenant ${tenant}` : `network ${tenant}/${rest[0]}`}`;
  return `the isolation of tenant ${tenant}`;
}

function stagedText({ staged }: Explanation): string {
  if (staged === undefined) return "";
  const ends = endText("egress", staged.egress) + endText("ingress", staged.ingress);
  const verdict = staged.verdict === "allow" ? "allowed" : "denied";
  return `\nWith the staged policies it would be ${verdict}.\n${ends}`;
}
