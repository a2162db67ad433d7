import { listAll } from "@holdfast/client";
import { HoldfastError, Name } from "@holdfast/core";
import { type NodeBlockUsage, nodeBlocksSchema, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, type CommandOptions, flag, text } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { ageText } from "../output/words.ts";

/** `--node-blocks SIZE` and `--no-node-blocks` as a request says it. @throws HoldfastError `invalid_argument`. */
export function nodeBlocksOf(options: CommandOptions): { nodeBlocks?: { size: number } | null } {
  const given = options.nodeBlocks as string | boolean | undefined;
  if (given === undefined || given === true) return {};
  if (given === false) return { nodeBlocks: null };
  const parsed = nodeBlocksSchema.safeParse({ size: Number(given) });
  if (parsed.success) return { nodeBlocks: parsed.data };
  throw new HoldfastError("invalid_argument", `--node-blocks ${given}: ${parsed.error.issues[0]?.message}`);
}

async function printBlocks(
  { client, call, io, output }: Context,
  query: { tenant?: Name | undefined; network?: string; node?: string },
  empty: string,
): Promise<void> {
  const items = await Array.fromAsync(listAll(client, routes.listBlocks, { query }, call));
  printList(io, output, items, {
    empty,
    columns: [
      { title: "TENANT", text: (block) => block.tenant },
      { title: "NETWORK", text: (block) => block.network },
      { title: "BLOCK", text: (block) => block.prefix },
      { title: "NODE", text: (block) => block.node },
      { title: "USED", text: usedText },
      { title: "STATE", text: (block) => (block.returning === true ? "asked back" : "") },
      { title: "AGE", text: (block) => ageText(block.since, io.now()) },
    ],
  });
}

const usedText = ({ used, capacity }: NodeBlockUsage): string => `${used} of ${capacity}`;

export const networkBlockCommands: readonly CommandDefinition[] = [
  {
    name: "blocks",
    summary: "List the blocks of a network that nodes give addresses from by themselves.",
    args: [["<name>", "Name of the network.", "network"]],
    examples: ["network blocks web", "network blocks web -o json"],
    async run(context, [network = ""]) {
      const { client, call, tenant } = context;
      // Of a network that is not there, "no blocks" would be half the truth.
      await client.call(routes.getNetwork, { params: { tenant, network } }, call);
      const empty =
        `no node has a block of ${tenant}/${network}; to let nodes give addresses by themselves: ` +
        `holdfast network update ${network} --node-blocks 16`;
      await printBlocks(context, { tenant: Name.parse(tenant), network }, empty);
    },
  },
  {
    name: "reclaim",
    summary: "Ask a node to give a block back as soon as it is empty, or take it by force.",
    args: [
      ["<name>", "Name of the network.", "network"],
      ["<block>", "Prefix of the block; see: holdfast network blocks.", "block"],
    ],
    options: [
      ["--force", "Take it at once, from a node that will not come back: one that does may lose containers."],
      ["--reason <text>", "Why, for the record."],
    ],
    examples: [
      "network reclaim web 10.20.0.128/28",
      'network reclaim web 10.20.0.128/28 --force --reason "h9 is gone"',
    ],
    async run(context, [network = "", prefix = ""], options) {
      const { client, tenant, call, io, output } = context;
      const force = flag(options, "force") ?? false;
      const body = { force, reason: text(options, "reason") };
      const block = await client.call(routes.reclaimBlock, { params: { tenant, network, prefix }, body }, call);
      const said = force
        ? `block ${prefix} taken from node ${block.node}; its addresses rest for the cool-down`
        : `node ${block.node} is asked for block ${prefix}, and gives it back when none of its addresses is in use`;
      printObject(io, output, block, `${said}\n`);
    },
  },
];

export const nodeBlockCommand: CommandDefinition = {
  name: "blocks",
  summary: "List the blocks that a node gives addresses from by itself.",
  args: [["<name>", "Name of the node.", "node"]],
  examples: ["node blocks h1"],
  async run(context, [node = ""]) {
    await context.client.call(routes.getNode, { params: { node } }, context.call);
    await printBlocks(context, { node }, `node ${node} has no block: none of its networks has node blocks`);
  },
};
