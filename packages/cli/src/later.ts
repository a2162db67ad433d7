import type { Client } from "@holdfast/client";
import type { Operation, Route } from "@holdfast/model";
import type { Context } from "./context.ts";
import { printObject } from "./output/print.ts";

/** Ends a command whose request was accepted to be done later. */
class Accepted extends Error {
  readonly operation: Operation;

  constructor(operation: Operation) {
    super("accepted");
    this.operation = operation;
  }
}

/** Runs a command so that its first request that can be done later is, and prints the operation in place of a result. */
export async function runLater(context: Context, run: (context: Context) => Promise<void>): Promise<void> {
  const { client, io, output } = context;
  const call: Client["call"] = async (route, input, options) => {
    if ((route as Route).idempotent === true) throw new Accepted(await client.accept(route, input, options));
    return client.call(route, input, options);
  };
  try {
    await run({ ...context, client: { ...client, call } });
  } catch (error) {
    if (!(error instanceof Accepted)) throw error;
    const { id } = error.operation;
    printObject(io, output, error.operation, `operation ${id} accepted; its end: holdfast operation wait ${id}\n`);
  }
}
