import type { Client } from "@holdfast/client";
import { HoldfastError, isHoldfastError } from "@holdfast/core";
import { type Operation, type Progress, problemToError, type Route, type RouteReply, routes } from "@holdfast/model";
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
export async function runDetached(context: Context, run: (context: Context) => Promise<void>): Promise<void> {
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

/**
 * Runs a command so that what it asks for is done later and followed to its end: the command prints what it would have printed anyhow, and
 * what it has asked for goes on when it is interrupted.
 */
export async function runLater(context: Context, run: (context: Context) => Promise<void>): Promise<void> {
  const { client, io } = context;
  const call: Client["call"] = async (route, input, options) => {
    if ((route as Route).idempotent !== true) return client.call(route, input, options);
    const { id } = await client.accept(route, input, options);
    io.err(`operation ${id} accepted\n`);
    return replyOf<typeof route>(route, await followOperation(context, id));
  };
  await run({ ...context, client: { ...client, call } });
}

/** @throws HoldfastError like the request itself; `conflict` when the operation was cancelled. */
function replyOf<R extends Route>(route: R, { id, state, result, problem }: Operation): RouteReply<R> {
  if (problem !== undefined) throw problemToError(problem);
  if (state !== "done") throw new HoldfastError("conflict", `operation ${id} is ${state}`);
  return (result === undefined ? undefined : route.reply?.parse(result)) as RouteReply<R>;
}

/** How long one request may wait for news of an operation; then it is asked again. */
const WAIT_SECONDS = 30;
const PATIENCE = 60;
const RETRY_MILLISECONDS = 1000;

/** Follows an operation to its end and tells of each step; a controller that starts anew is waited for. */
export async function followOperation(context: Context, id: string): Promise<Operation> {
  const { io } = context;
  try {
    let told = "";
    for (let after = 0; ; ) {
      const operation = await newsOf(context, id, after);
      const progress = operation.progress && progressText(operation.progress);
      if (progress !== undefined && progress !== told) io.err(`operation ${id}: ${progress}\n`);
      told = progress ?? "";
      if (operation.finishedAt !== undefined) return operation;
      after = operation.revision;
    }
  } catch (error) {
    if (!isHoldfastError(error, "not_found"))
      io.err(`operation ${id} goes on; take it up again: holdfast operation wait ${id}\n`);
    throw error;
  }
}

async function newsOf({ client, call, io }: Context, operation: string, after: number): Promise<Operation> {
  const request = { params: { operation }, query: { wait: WAIT_SECONDS, after } };
  for (let left = PATIENCE; ; left--) {
    try {
      return await client.call(routes.getOperation, request, call);
    } catch (error) {
      if (left === 0 || !isHoldfastError(error, "unavailable")) throw error;
      await io.wait(RETRY_MILLISECONDS);
    }
  }
}

/** `"499 of 1200 done, 1 refused"`. */
export function progressText({ total, done, refused, skipped }: Progress): string {
  const others = [
    ...(refused === 0 ? [] : [`${refused} refused`]),
    ...(skipped === 0 ? [] : [`${skipped} not done because of them`]),
  ];
  return [`${done} of ${total} done`, ...others].join(", ");
}
