import { listAll } from "@holdfast/client";
import { HoldfastError } from "@holdfast/core";
import { type Claim, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, flag, text, texts } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { type Column, formatDetails } from "../output/table.ts";
import { ageText, boundText, labelText, retentionText } from "../output/words.ts";
import { bulkOptions, isSingle, namedItems, replicasOf, runBulk } from "./claim-bulk.ts";
import { labelChange, parseLabels } from "./labels.ts";
import { qosChange, qosOf } from "./qos-words.ts";
import { RETENTION_HELP, RETENTIONS, retentionOf } from "./retention.ts";
import { parseRange } from "./subnet-text.ts";

const ofNetwork = ["!-n, --network <name>", "Name of the network.", "network"] as const;
const byIdentity = ["<identity>", "Name of the workload.", "claim"] as const;

/** @throws HoldfastError `invalid_argument`. */
function checkPlace(network: string | undefined, selector: string | undefined, single: boolean): void {
  const fail = (reason: string): never => {
    throw new HoldfastError("invalid_argument", reason);
  };
  if (network === undefined && selector === undefined) fail("say where: --network NAME, or --selector LABELS");
  if (network !== undefined && selector !== undefined) fail("--network and --selector do not go together");
  if (selector !== undefined && !single) fail("--selector is for one claim at a time");
}

function details({ io }: Context, claim: Claim): string {
  return formatDetails([
    ["identity", claim.identity],
    ["network", `${claim.tenant}/${claim.network}`],
    ["address", claim.addresses.join(", ")],
    ["MAC", claim.mac],
    ...(claim.group === undefined ? [] : [["group", claim.group] as const]),
    ["retention", retentionText(claim.retention)],
    ...(claim.qos === undefined ? [] : [["qos", claim.qos] as const]),
    ["bound to", boundText(claim)],
    ["epoch", String(claim.epoch)],
    ...(claim.expiresAt === undefined ? [] : [["expires", claim.expiresAt] as const]),
    ["labels", labelText(claim.labels)],
    ...(claim.runtimeLabels === undefined ? [] : [["by runtime", labelText(claim.runtimeLabels)] as const]),
    ["age", ageText(claim.createdAt, io.now())],
  ]);
}

const columns = (context: Context): readonly Column<Claim>[] => [
  { title: "NETWORK", text: (claim) => `${claim.tenant}/${claim.network}` },
  { title: "IDENTITY", text: (claim) => claim.identity },
  { title: "ADDRESS", text: (claim) => claim.addresses.join(",") },
  { title: "MAC", text: (claim) => claim.mac },
  { title: "RETENTION", text: (claim) => retentionText(claim.retention) },
  { title: "NODE", text: boundText },
  { title: "AGE", text: (claim) => ageText(claim.createdAt, context.io.now()) },
];

export const claimCommands: readonly CommandDefinition[] = [
  {
    name: "create",
    summary: "Claim addresses for identities, before any container exists.",
    async: true,
    args: [["[identities...]", "Stable names of workloads, e.g. redis-0 or prod/mysql-1.", "none"]],
    options: [
      ["-n, --network <name>", "Name of the network.", "network"],
      ["-s, --selector <labels>", "Instead of a network: the first with all these labels that has room."],
      ["-a, --address <address...>", "Exact addresses. Absent: the next free ones of every family."],
      ["--count <number>", "How many addresses of each family. Absent: 1."],
      ["--range <first-last>", "Take the addresses from this part of a subnet."],
      ["--subnet <cidr>", "Take the addresses from this subnet.", "subnet"],
      ["--group <name>", "Take the addresses from the ranges that are set aside for this group."],
      ["--retention <retention>", RETENTION_HELP, RETENTIONS],
      ["--qos <profile>", "QoS profile, whatever its groups say.", "qos"],
      ["-l, --label <key=value...>", "Labels."],
      ["--replicas <number>", "As many claims for each identity, named IDENTITY-0, IDENTITY-1 and so on."],
      ...bulkOptions,
    ],
    examples: [
      "claim create redis-0 --network web",
      "claim create prod/mysql-1 --network web --address 10.20.0.7",
      "claim create job-17 --network web --retention sticky:1h",
      "claim create lb-0 --network web --count 4 --range 10.20.1.0-10.20.1.63",
      "claim create mysql-1 --network web --group db",
      "claim create web-7 --selector env=prod",
      "claim create redis --network web --replicas 3",
      "claim create -f identities.yaml --network web --mode each --dry-run",
      "claim create -f identities.yaml --network web --mode each --async",
    ],
    async run(context, identities, options) {
      const addresses = texts(options, "address");
      const subnet = text(options, "subnet");
      const count = text(options, "count");
      const range = text(options, "range");
      const group = text(options, "group");
      const wanted = {
        ...(addresses.length === 0 ? {} : { addresses: [...addresses] }),
        ...(count === undefined ? {} : { count: Number(count) }),
        ...(range === undefined ? {} : { range: parseRange(range) }),
        ...(subnet === undefined ? {} : { subnet }),
        ...(group === undefined ? {} : { group }),
        retention: retentionOf(text(options, "retention") ?? "reserved"),
        ...qosOf(options),
        labels: parseLabels(texts(options, "label")),
      };
      const { client, tenant, call, io, output } = context;
      const network = text(options, "network");
      const selector = text(options, "selector");
      checkPlace(network, selector, isSingle(identities, options));
      const params = { tenant, network: network ?? "" };
      if (!isSingle(identities, options)) {
        const items = await namedItems(context, replicasOf(identities, options), options);
        const wishes = items.map((item) => ({ ...wanted, ...item }));
        return runBulk(context, wishes, options, {
          done: "claimed",
          send: ({ items: wished, ...terms }) =>
            client.call(routes.createClaims, { params, body: { ...terms, items: [...wished] } }, call),
        });
      }
      const [identity = ""] = identities;
      const body = { identity, ...wanted };
      const claim =
        selector === undefined
          ? await client.call(routes.createClaim, { params, body }, call)
          : await client.call(routes.createTenantClaim, { params: { tenant }, body: { ...body, selector } }, call);
      const where = selector === undefined ? "" : `  ${claim.network}`;
      printObject(io, output, claim, `${claim.identity}  ${claim.addresses.join("  ")}  ${claim.mac}${where}\n`);
    },
  },
  {
    name: "list",
    aliases: ["ls"],
    summary: "List claims, all or as filtered.",
    options: [
      ["-n, --network <name>", "Only of this network.", "network"],
      ["--node <name>", "Only those bound to this node.", "node"],
      ["-s, --selector <labels>", "Only those with all these labels, of people or of their runtimes."],
    ],
    examples: ["claim list", "claim list --network web --node h1", "claim list --selector app=web"],
    async run(context, _, options) {
      const { io, client, call, output } = context;
      const query = {
        tenant: context.namedTenant,
        network: text(options, "network"),
        node: text(options, "node"),
        selector: text(options, "selector"),
      };
      const items = await Array.fromAsync(listAll(client, routes.listClaims, { query }, call));
      const empty = "no claims match; make one: holdfast claim create redis-0 --network NAME";
      printList(io, output, items, { empty, columns: columns(context) });
    },
  },
  {
    name: "get",
    aliases: ["show"],
    summary: "Show one claim.",
    args: [byIdentity],
    options: [ofNetwork],
    examples: ["claim get redis-0 --network web"],
    async run(context, [identity = ""], options) {
      const { client, tenant, call, io, output } = context;
      const params = { tenant, network: text(options, "network") ?? "", identity };
      const claim = await client.call(routes.getClaim, { params }, call);
      printObject(io, output, claim, details(context, claim));
    },
  },
  {
    name: "update",
    summary: "Change a claim's retention, QoS profile or labels.",
    args: [byIdentity],
    options: [
      ofNetwork,
      ["--retention <retention>", RETENTION_HELP, RETENTIONS],
      ["--qos <profile>", "QoS profile; none: that of its groups.", "qos"],
      ["-l, --label <key=value...>", "Labels; they replace the former ones."],
    ],
    examples: [
      "claim update redis-0 --network web --retention sticky:10m",
      "claim update redis-0 --network web --qos gold",
    ],
    async run(context, [identity = ""], options) {
      const { client, tenant, call, io, output } = context;
      const retention = text(options, "retention");
      const body = {
        ...(retention === undefined ? {} : { retention: retentionOf(retention) }),
        ...qosChange(options),
        ...labelChange(texts(options, "label")),
      };
      const params = { tenant, network: text(options, "network") ?? "", identity };
      const claim = await client.call(routes.updateClaim, { params, body }, call);
      printObject(io, output, claim, details(context, claim));
    },
  },
  {
    name: "move",
    summary: "Take a claim off the endpoint that has it, so that it can be bound elsewhere; this is recorded.",
    args: [byIdentity],
    options: [
      ofNetwork,
      ["--node <name>", "Only this node may bind it next.", "node"],
      ["--force", "Also when the node that has it is alive: its endpoint is cut off."],
      ["--reason <text>", "Why, for the record."],
    ],
    examples: [
      "claim move redis-0 --network web",
      "claim move redis-0 --network web --node h2 --force --reason 'h1 goes away'",
    ],
    async run(context, [identity = ""], options) {
      const { client, tenant, call, io, output } = context;
      const node = text(options, "node");
      const reason = text(options, "reason");
      const body = {
        force: flag(options, "force") ?? false,
        ...(node === undefined ? {} : { node }),
        ...(reason === undefined ? {} : { reason }),
      };
      const params = { tenant, network: text(options, "network") ?? "", identity };
      const claim = await client.call(routes.moveClaim, { params, body }, call);
      printObject(io, output, claim, details(context, claim));
    },
  },
  {
    name: "transfer",
    summary:
      "Pass a claim that no endpoint has on to another identity: addresses, MAC and epoch go on; this is recorded.",
    async: true,
    args: [byIdentity, ["<to>", "Who has it from then on; must have no claim in the network.", "none"]],
    options: [
      ofNetwork,
      ["--revision <number>", "Only when the claim still has this revision."],
      ["--reason <text>", "Why, for the record."],
    ],
    examples: [
      "claim transfer redis-0 cache-0 --network web",
      "claim transfer redis-0 cache-0 --network web --reason 'renamed' --revision 42",
    ],
    async run(context, [identity = "", to = ""], options) {
      const { client, tenant, call, io, output } = context;
      const reason = text(options, "reason");
      const revision = text(options, "revision");
      const params = { tenant, network: text(options, "network") ?? "", identity };
      const body = { identity: to, ...(reason === undefined ? {} : { reason }) };
      const conditional = revision === undefined ? call : { ...call, ifMatch: Number(revision) };
      const claim = await client.call(routes.transferClaim, { params, body }, conditional);
      printObject(io, output, claim, details(context, claim));
    },
  },
  {
    name: "delete",
    aliases: ["rm", "release"],
    summary: "Release claims that no endpoint has: their addresses may go to others after the cool-down.",
    async: true,
    args: [["[identities...]", "Names of the workloads.", "claim"]],
    options: [ofNetwork, ...bulkOptions],
    examples: [
      "claim delete redis-0 --network web",
      "claim release redis-0 redis-1 redis-2 --network web --mode each",
      "claim release -f identities.yaml --network web --dry-run",
    ],
    async run(context, identities, options) {
      const { client, tenant, call, io } = context;
      const network = text(options, "network") ?? "";
      // Only the bulk request can be done later.
      const isLater = flag(options, "async") === true || flag(options, "detach") === true;
      if (isLater || !isSingle(identities, options)) {
        const items = await namedItems(context, identities, options);
        return runBulk(context, items, options, {
          done: "released",
          send: ({ items: named, ...terms }) => {
            const body = { ...terms, items: named.map(({ identity }) => ({ identity })) };
            return client.call(routes.releaseClaims, { params: { tenant, network }, body }, call);
          },
        });
      }
      const [identity = ""] = identities;
      await client.call(routes.releaseClaim, { params: { tenant, network, identity } }, call);
      io.out(`claim ${identity} of ${tenant}/${network} released\n`);
    },
  },
];
