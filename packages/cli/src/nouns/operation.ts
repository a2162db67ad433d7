import { listAll } from "@holdfast/client";
import { HoldfastError } from "@holdfast/core";
import { type BulkResult, type BulkResults, type Operation, operationStateSchema, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, text } from "../define-command.ts";
import { followOperation, progressText } from "../later.ts";
import { printList, printObject } from "../output/print.ts";
import { formatDetails } from "../output/table.ts";
import { ageText } from "../output/words.ts";
import { bulkColumns } from "./claim-bulk.ts";

const byId = ["<id>", "Id of the operation.", "operation"] as const;

function details({ io }: Context, operation: Operation): string {
  const { id, path, state, actor, createdAt, startedAt, finishedAt, progress, problem } = operation;
  return formatDetails([
    ["id", id],
    ["operation", `${operation.operation} ${path}`],
    ["state", state],
    ["asked by", actor],
    ["age", ageText(createdAt, io.now())],
    ...(startedAt === undefined ? [] : [["started", startedAt] as const]),
    ...(finishedAt === undefined ? [] : [["finished", finishedAt] as const]),
    ...(progress === undefined ? [] : [["progress", progressText(progress)] as const]),
    ...(problem === undefined ? [] : [["problem", `${problem.code}: ${problem.detail}`] as const]),
    ...resultLine(operation),
  ]);
}

function resultLine({ id, progress, result }: Operation): readonly (readonly [string, string])[] {
  if (progress !== undefined) return [["results", `holdfast operation results ${id}`]];
  return result === undefined ? [] : [["result", JSON.stringify(result)]];
}

/** All that there are so far. */
async function resultsOf({ client, call }: Context, operation: string): Promise<readonly BulkResult[]> {
  const found: BulkResult[] = [];
  for (let position: string | undefined = "0"; position !== undefined; ) {
    const query: { continue: string } = { continue: position };
    const page = await client.call(routes.listOperationResults, { params: { operation }, query }, call);
    found.push(...page.items);
    position = page.continue === position ? undefined : page.continue;
  }
  return found;
}

/** What is done to each item, for people. */
const DONE: Readonly<Record<string, string>> = { createClaims: "claimed", releaseClaims: "released" };

function doneText({ operation, result }: Operation): string {
  const done = DONE[operation] ?? "done";
  return (result as BulkResults | undefined)?.dryRun === true ? `would be ${done}` : done;
}

export const operationCommands: readonly CommandDefinition[] = [
  {
    name: "list",
    aliases: ["ls"],
    summary: "List what was accepted with --async, oldest first; what has ended is kept for a day.",
    options: [
      [
        "--state <state>",
        "Only those that are pending, running, done, failed or cancelled.",
        operationStateSchema.options,
      ],
    ],
    examples: ["operation list", "operation list --state failed --tenant blue"],
    async run(context, _, options) {
      const { io, client, call, output } = context;
      const query = { tenant: context.namedTenant, state: text(options, "state") as Operation["state"] | undefined };
      const items = await Array.fromAsync(listAll(client, routes.listOperations, { query }, call));
      printList(io, output, items, {
        empty: "no operations; make one: holdfast claim create redis-0 --network web --async",
        columns: [
          { title: "ID", text: ({ id }) => id },
          { title: "OPERATION", text: ({ operation }) => operation },
          { title: "TENANT", text: ({ tenant }) => tenant ?? "" },
          { title: "STATE", text: ({ state }) => state },
          { title: "PROGRESS", text: ({ progress }) => (progress === undefined ? "" : progressText(progress)) },
          { title: "AGE", text: ({ createdAt }) => ageText(createdAt, io.now()) },
        ],
      });
    },
  },
  {
    name: "get",
    aliases: ["show"],
    summary: "Show one operation.",
    args: [byId],
    examples: ["operation get op-0mi2k7c9x-1f3a9c2e-000001"],
    async run(context, [operation = ""]) {
      const { client, call, io, output } = context;
      const found = await client.call(routes.getOperation, { params: { operation } }, call);
      printObject(io, output, found, details(context, found));
    },
  },
  {
    name: "wait",
    summary: "Follow an operation to its end, also where another command was interrupted; fails when it has failed.",
    args: [byId],
    examples: ["operation wait op-0mi2k7c9x-1f3a9c2e-000001"],
    async run(context, [id = ""]) {
      const ended = await followOperation(context, id);
      printObject(context.io, context.output, ended, details(context, ended));
      if (ended.state !== "done") throw new HoldfastError("conflict", `operation ${id} is ${ended.state}`);
    },
  },
  {
    name: "results",
    summary: "What has become of each item of a bulk operation, as far as it has got.",
    args: [byId],
    examples: ["operation results op-0mi2k7c9x-1f3a9c2e-000001"],
    async run(context, [operation = ""]) {
      const { client, call, io, output } = context;
      const found = await client.call(routes.getOperation, { params: { operation } }, call);
      const results = await resultsOf(context, operation);
      const empty = found.progress === undefined ? "it has no items; see holdfast operation get" : "nothing yet";
      printList(io, output, results, { empty, columns: bulkColumns(doneText(found)) });
      const total = found.progress?.total ?? 0;
      if (results.length < total) io.err(`so far ${results.length} of ${total}; the operation is ${found.state}\n`);
    },
  },
  {
    name: "cancel",
    summary: "Cancel an operation that is still pending.",
    args: [byId],
    examples: ["operation cancel op-0mi2k7c9x-1f3a9c2e-000001"],
    async run(context, [operation = ""]) {
      const { client, call, io, output } = context;
      const cancelled = await client.call(routes.cancelOperation, { params: { operation } }, call);
      printObject(io, output, cancelled, `operation ${operation} cancelled\n`);
    },
  },
];
