import { listAll } from "@holdfast/client";
import { routes } from "@holdfast/model";
import { type CommandDefinition, text } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { ageText } from "../output/words.ts";

export const quarantineCommands: readonly CommandDefinition[] = [
  {
    name: "quarantine",
    summary: "List addresses that are given to nobody, because a machine outside answered for them.",
    options: [["-n, --network <name>", "Only of this network.", "network"]],
    examples: ["ip quarantine", "ip quarantine --network web -o json"],
    async run(context, _, options) {
      const { client, call, io, output, namedTenant } = context;
      const network = text(options, "network");
      const query = { tenant: network === undefined ? namedTenant : context.tenant, network };
      const items = await Array.fromAsync(listAll(client, routes.listQuarantine, { query }, call));
      printList(io, output, items, {
        empty:
          "no address is in quarantine; to look for machines that have addresses: holdfast network update web --conflict-probe",
        columns: [
          { title: "TENANT", text: (one) => one.tenant },
          { title: "NETWORK", text: (one) => one.network },
          { title: "ADDRESS", text: (one) => one.address },
          { title: "MAC", text: (one) => one.mac },
          { title: "HEARD BY", text: (one) => one.node },
          { title: "FOR", text: (one) => one.identity },
          { title: "UNTIL", text: (one) => one.until ?? "released" },
          { title: "AGE", text: (one) => ageText(one.since, io.now()) },
        ],
      });
    },
  },
  {
    name: "release-quarantine",
    summary: "Give an address out again that was in quarantine; it is asked for in the VLAN again before it is used.",
    args: [["<address>", "The address; see: holdfast ip quarantine.", "none"]],
    options: [
      ["!-n, --network <name>", "The network that it is of.", "network"],
      ["--reason <text>", "Why, for the record."],
    ],
    examples: [
      "ip release-quarantine 10.20.0.7 --network web",
      'ip release-quarantine 10.20.0.7 --network web --reason "printer moved"',
    ],
    async run(context, [address = ""], options) {
      const { client, tenant, call, io, output } = context;
      const network = text(options, "network") ?? "";
      const body = { reason: text(options, "reason") };
      const was = await client.call(routes.releaseQuarantine, { params: { tenant, network, address }, body }, call);
      const said = `${address} of ${tenant}/${network} is out of quarantine; ${was.mac} had answered for it at ${was.since}`;
      printObject(io, output, was, `${said}\n`);
    },
  },
];
