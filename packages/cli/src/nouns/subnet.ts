import { routes, type Subnet } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, flag, text } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { usageColumns } from "../output/words.ts";
import { parseRange, parseSubnet } from "./subnet-text.ts";

const ofNetwork = ["!-n, --network <name>", "Name of the network.", "network"] as const;

const drainText = ({ draining }: Subnet): string =>
  draining === undefined ? "open" : draining.removeWhenEmpty ? "draining, then removed" : "draining";

async function drain(
  { client, tenant, call, io, output }: Context,
  { network, prefix, removeWhenEmpty }: { network: string; prefix: string; removeWhenEmpty: boolean },
): Promise<void> {
  const params = { tenant, network, prefix };
  const changed = await client.call(routes.drainSubnet, { params, body: { removeWhenEmpty } }, call);
  const then = removeWhenEmpty ? "it is removed when the last one is released" : "those that are claimed stay";
  printObject(io, output, changed, `subnet ${prefix} of ${tenant}/${network} gives no new addresses; ${then}\n`);
}

export const subnetCommands: readonly CommandDefinition[] = [
  {
    name: "create",
    aliases: ["add"],
    summary: "Add a subnet to a network that may be in use.",
    async: true,
    args: [["<subnet>", "CIDR with ,gateway=A|none ,range=A-B ,exclude=A[-B] ,group=NAME:A-B.", "none"]],
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
          { title: "STATE", text: ({ subnet }) => drainText(subnet) },
          {
            title: "GROUPS",
            text: ({ subnet }) =>
              (subnet.groupRanges ?? []).map(({ group, first, last }) => `${group}:${first}-${last}`).join(","),
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
    name: "drain",
    summary: "Have a subnet give no new addresses, so that it becomes empty; claimed ones stay.",
    args: [["<prefix>", "CIDR of the subnet.", "subnet"]],
    options: [ofNetwork, ["--remove-when-empty", "Remove the subnet when its last address is released."]],
    examples: [
      "subnet drain 10.21.0.0/16 --network web",
      "subnet drain 10.21.0.0/16 --network web --remove-when-empty",
    ],
    async run(context, [prefix = ""], options) {
      const removeWhenEmpty = flag(options, "removeWhenEmpty") ?? false;
      await drain(context, { network: text(options, "network") ?? "", prefix, removeWhenEmpty });
    },
  },
  {
    name: "undrain",
    summary: "Have a subnet give addresses again.",
    args: [["<prefix>", "CIDR of the subnet.", "subnet"]],
    options: [ofNetwork],
    examples: ["subnet undrain 10.21.0.0/16 --network web"],
    async run(context, [prefix = ""], options) {
      const { client, tenant, call, io, output } = context;
      const params = { tenant, network: text(options, "network") ?? "", prefix };
      const changed = await client.call(routes.undrainSubnet, { params }, call);
      printObject(io, output, changed, `subnet ${prefix} of ${tenant}/${params.network} gives addresses again\n`);
    },
  },
  {
    name: "set-group",
    summary: "Set ranges of a subnet aside for a group, in place of those that it has there. What is in use stays so.",
    args: [
      ["<prefix>", "CIDR of the subnet.", "subnet"],
      ["<group>", "Name of the group.", "none"],
      ["<ranges...>", "FIRST-LAST, or one address; as many as needed.", "none"],
    ],
    options: [ofNetwork],
    examples: ["subnet set-group 10.20.0.0/16 db 10.20.1.0-10.20.1.31 --network web"],
    async run(context, [prefix = "", group = "", ...ranges], options) {
      const { client, tenant, call, io, output } = context;
      const params = { tenant, network: text(options, "network") ?? "", prefix, group };
      const body = { ranges: ranges.map(parseRange) };
      const network = await client.call(routes.setGroupRanges, { params, body }, call);
      const done = `${ranges.join(", ")} of ${prefix} set aside for group ${group} in ${tenant}/${network.name}\n`;
      printObject(io, output, network, done);
    },
  },
  {
    name: "remove-group",
    summary: "Give a group's ranges of a subnet back to everybody. Its claims keep their addresses.",
    args: [
      ["<prefix>", "CIDR of the subnet.", "subnet"],
      ["<group>", "Name of the group.", "none"],
    ],
    options: [ofNetwork],
    examples: ["subnet remove-group 10.20.0.0/16 db --network web"],
    async run(context, [prefix = "", group = ""], options) {
      const { client, tenant, call, io, output } = context;
      const params = { tenant, network: text(options, "network") ?? "", prefix, group };
      const network = await client.call(routes.removeGroupRanges, { params }, call);
      printObject(
        io,
        output,
        network,
        `ranges of group ${group} in ${prefix} of ${tenant}/${network.name} given back\n`,
      );
    },
  },
  {
    name: "delete",
    aliases: ["rm", "remove"],
    summary: "Remove a subnet none of whose addresses is claimed.",
    args: [["<prefix>", "CIDR of the subnet.", "subnet"]],
    options: [ofNetwork, ["--drain", "While addresses are claimed, give no new ones, and remove it with the last."]],
    examples: ["subnet delete 10.21.0.0/16 --network web", "subnet delete 10.21.0.0/16 --network web --drain"],
    async run(context, [prefix = ""], options) {
      const { client, tenant, call, io } = context;
      const network = text(options, "network") ?? "";
      if (flag(options, "drain") === true) return drain(context, { network, prefix, removeWhenEmpty: true });
      await client.call(routes.removeSubnet, { params: { tenant, network, prefix } }, call);
      io.out(`subnet ${prefix} removed from ${tenant}/${network}\n`);
    },
  },
];
