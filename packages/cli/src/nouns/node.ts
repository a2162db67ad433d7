import { listAll } from "@holdfast/client";
import { type NodeRecord, routes } from "@holdfast/model";
import { type CommandDefinition, text } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { formatDetails } from "../output/table.ts";
import { ageText, labelText } from "../output/words.ts";
import { nodeBlockCommand } from "./node-blocks.ts";

const seen = (node: NodeRecord, now: Date): string =>
  node.lastSeen === undefined ? "" : `${ageText(node.lastSeen, now)} ago`;

export const nodeCommands: readonly CommandDefinition[] = [
  {
    name: "list",
    aliases: ["ls"],
    summary: "List the machines that run an agent.",
    options: [["-s, --selector <labels>", "Only those with all these labels."]],
    examples: ["node list"],
    async run(context, _, options) {
      const { io, client, call, output } = context;
      const query = { selector: text(options, "selector") };
      const items = await Array.fromAsync(listAll(client, routes.listNodes, { query }, call));
      printList(io, output, items, {
        empty: "no nodes yet; a machine appears when its agent starts: holdfast agent --server URL",
        columns: [
          { title: "NAME", text: (node) => node.name },
          { title: "STATE", text: (node) => node.state },
          { title: "UPLINK", text: (node) => node.uplink ?? "" },
          { title: "TUNNEL ADDRESS", text: (node) => node.tunnelAddress ?? "" },
          { title: "VERSION", text: (node) => node.version },
          { title: "LAST SEEN", text: (node) => seen(node, io.now()) },
        ],
      });
    },
  },
  {
    name: "get",
    aliases: ["show"],
    summary: "Show one node.",
    args: [["<name>", "Name of the node.", "node"]],
    examples: ["node get h1"],
    async run(context, [node = ""]) {
      const found = await context.client.call(routes.getNode, { params: { node } }, context.call);
      const people = formatDetails([
        ["name", found.name],
        ["state", found.state],
        ["uplink", found.uplink ?? ""],
        ["tunnel address", found.tunnelAddress ?? ""],
        ["addresses", (found.addresses ?? []).join(", ")],
        ["version", found.version],
        ["last seen", seen(found, context.io.now())],
        ["labels", labelText(found.labels)],
      ]);
      printObject(context.io, context.output, found, people);
    },
  },
  {
    name: "delete",
    aliases: ["rm"],
    summary: "Forget a silent node that serves no endpoint.",
    args: [["<name>", "Name of the node.", "node"]],
    examples: ["node delete h9"],
    async run(context, [node = ""]) {
      await context.client.call(routes.deleteNode, { params: { node } }, context.call);
      context.io.out(`node ${node} forgotten\n`);
    },
  },
  nodeBlockCommand,
];
