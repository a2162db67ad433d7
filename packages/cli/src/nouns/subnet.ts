import { routes } from "@holdfast/model";
import { type CommandDefinition, text } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { usageColumns } from "../output/words.ts";
import { parseSubnet } from "./subnet-text.ts";

const ofNetwork = ["!-n, --network <name>", "Name of the network.", "network"] as const;

export const subnetCommands: readonly CommandDefinition[] = [
  {
    name: "create",
    aliases: ["add"],
    summary: "Add a subnet to a network that may be in use.",
    args: [["<subnet>", "CIDR with ,gateway=A|none ,range=A-B ,exclude=A[-B].", "none"]],
    options: [ofNetwork],
    examples: ["subnet create 10.21.0.0/16 --network web"],
    async run(context, [subnet = ""], options) {
      const { client, tenant, call, io, output } = context;
      const params = { tenant, network: text(options, "network") ?? "" };
      const network = await client.call(routes.addSubnet, { params, body: parseSubnet(subnet) }, call);
      printObject(io, output, network, `subnet ${subnet.split(",")[0]} added to ${tenant}/${network.name}\n`);
    },
  },
  {
    name: "list",
    aliases: ["ls"],
    summary: "List a network's subnets with their use.",
    options: [ofNetwork],
    examples: ["subnet list --network web"],
    async run(context, _, options) {
      const { client, tenant, call, io, output } = context;
      const params = { tenant, network: text(options, "network") ?? "" };
      const { items } = await client.call(routes.listSubnets, { params }, call);
      printList(io, output, items, {
        empty: `network ${tenant}/${params.network} has no subnets; add one: holdfast subnet create CIDR --network ${params.network}`,
        columns: [
          { title: "PREFIX", text: ({ subnet }) => subnet.prefix },
          { title: "GATEWAY", text: ({ subnet }) => subnet.gateway ?? "" },
          {
            title: "RANGES",
            text: ({ subnet }) => subnet.ranges.map(({ first, last }) => `${first}-${last}`).join(","),
          },
          ...usageColumns.map(({ title, text: cell }) => ({
            title,
            text: ({ usage }: (typeof items)[number]) => cell(usage),
          })),
        ],
      });
    },
  },
  {
    name: "delete",
    aliases: ["rm", "remove"],
    summary: "Remove a subnet none of whose addresses is claimed.",
    args: [["<prefix>", "CIDR of the subnet.", "none"]],
    options: [ofNetwork],
    examples: ["subnet delete 10.21.0.0/16 --network web"],
    async run(context, [prefix = ""], options) {
      const { client, tenant, call, io } = context;
      const network = text(options, "network") ?? "";
      await client.call(routes.removeSubnet, { params: { tenant, network, prefix } }, call);
      io.out(`subnet ${prefix} removed from ${tenant}/${network}\n`);
    },
  },
];
