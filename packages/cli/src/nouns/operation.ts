import { listAll } from "@holdfast/client";
import { HoldfastError } from "@holdfast/core";
import { type Operation, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, text } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { formatDetails } from "../output/table.ts";
import { ageText } from "../output/words.ts";

const byId = ["<id>", "Id of the operation.", "operation"] as const;
/** How long one request may wait for an operation's end; then it is asked again. */
const WAIT_SECONDS = 30;

function details({ io }: Context, operation: Operation): string {
  const { id, path, state, actor, createdAt, startedAt, finishedAt, problem, result } = operation;
  return formatDetails([
    ["id", id],
    ["operation", `${operation.operation} ${path}`],
    ["state", state],
    ["asked by", actor],
    ["age", ageText(createdAt, io.now())],
    ...(startedAt === undefined ? [] : [["started", startedAt] as const]),
    ...(finishedAt === undefined ? [] : [["finished", finishedAt] as const]),
    ...(problem === undefined ? [] : [["problem", `${problem.code}: ${problem.detail}`] as const]),
    ...(result === undefined ? [] : [["result", JSON.stringify(result)] as const]),
  ]);
}

async function untilEnd({ client, call }: Context, id: string): Promise<Operation> {
  for (;;) {
    const request = { params: { operation: id }, query: { wait: WAIT_SECONDS } };
    const operation = await client.call(routes.getOperation, request, call);
    if (operation.finishedAt !== undefined) return operation;
  }
}

export const operationCommands: readonly CommandDefinition[] = [
  {
    name: "list",
    aliases: ["ls"],
    summary: "List what was accepted with --async, oldest first; what has ended is kept for a day.",
    options: [["--state <state>", "Only those that are pending, running, done, failed or cancelled."]],
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
    summary: "Wait until an operation has ended; fails when it has failed.",
    args: [byId],
    examples: ["operation wait op-0mi2k7c9x-1f3a9c2e-000001"],
    async run(context, [id = ""]) {
      const ended = await untilEnd(context, id);
      printObject(context.io, context.output, ended, details(context, ended));
      if (ended.state !== "done") throw new HoldfastError("conflict", `operation ${id} is ${ended.state}`);
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
