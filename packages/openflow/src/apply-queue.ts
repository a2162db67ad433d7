import { HoldfastError } from "@holdfast/core";
import type { Refusal } from "./bundle.ts";
import { flowKey, formatFlow } from "./format.ts";
import { addFlow, deleteFlow } from "./messages.ts";
import type { FlowChange } from "./switch.ts";

/** Sends flow_mods as one bundle; nothing of a refused bundle is in effect. */
export type Commit = (mods: readonly Buffer[]) => Promise<readonly Refusal[]>;

interface Call {
  readonly change: FlowChange;
  readonly mods: readonly Buffer[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Makes few bundles of many changes: whatever waits while one bundle is under way goes out together in the next.
 *
 * A refused bundle is sent again without the calls whose flows were refused, so that one bad flow fails only its own call.
 */
export class ApplyQueue {
  readonly #commit: Commit;
  readonly #waiting = new Set<Call>();
  #working = false;

  constructor(commit: Commit) {
    this.#commit = commit;
  }

  /** Rejects with the signal's reason when aborted; the change is then not made, unless it was already on its way. */
  async apply(change: FlowChange, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const mods = [...change.remove.map(deleteFlow), ...change.add.map(addFlow)];
    if (mods.length === 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const call: Call = { change, mods, resolve, reject };
    const onAbort = (): void => {
      this.#waiting.delete(call);
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#waiting.add(call);
    this.#start();
    await promise.finally(() => signal.removeEventListener("abort", onAbort));
  }

  #start(): void {
    if (this.#working) return;
    this.#working = true;
    // The next turn: calls that are made in the same one share the bundle.
    queueMicrotask(() => void this.#work());
  }

  async #work(): Promise<void> {
    while (this.#waiting.size > 0) {
      const calls = [...this.#waiting];
      this.#waiting.clear();
      await this.#send(calls);
    }
    this.#working = false;
  }

  async #send(calls: readonly Call[]): Promise<void> {
    if (calls.length === 0) return;
    try {
      const refusals = await this.#commit(calls.flatMap((call) => call.mods));
      if (refusals.length === 0) for (const call of calls) call.resolve();
      else await this.#sendRest(calls, refusals);
    } catch (error) {
      for (const call of calls) call.reject(error);
    }
  }

  async #sendRest(calls: readonly Call[], refusals: readonly Refusal[]): Promise<void> {
    const blamed = blame(calls, refusals);
    for (const [call, error] of blamed) call.reject(error);
    const rest = calls.filter((call) => !blamed.has(call));
    if (blamed.size > 0) await this.#send(rest);
    else for (const call of rest) await this.#send([call]);
  }
}

/** The calls whose own flows were refused; a refusal that names no flow is a single call's own fault, and nobody's among many. */
function blame(calls: readonly Call[], refusals: readonly Refusal[]): Map<Call, HoldfastError> {
  const blamed = new Map<Call, HoldfastError>();
  let first = 0;
  for (const call of calls) {
    const end = first + call.mods.length;
    const start = first;
    const own = refusals.find(({ index }) => index !== undefined && index >= start && index < end);
    if (own?.index !== undefined) blamed.set(call, refusedFlow(call.change, own.index - start, own.error));
    first = end;
  }
  const [only] = calls;
  if (blamed.size === 0 && only !== undefined && calls.length === 1) {
    const error = refusals[0]?.error ?? "unknown error";
    blamed.set(
      only,
      new HoldfastError("switch_rejected", `the switch refused a bundle: ${error}`, { details: { error } }),
    );
  }
  return blamed;
}

function refusedFlow({ add, remove }: FlowChange, index: number, error: string): HoldfastError {
  const removed = remove[index];
  const added = add[index - remove.length];
  const text = removed === undefined ? (added === undefined ? "" : formatFlow(added)) : flowKey(removed);
  const what = removed === undefined ? "a flow" : "to remove a flow";
  return new HoldfastError("switch_rejected", `the switch refused ${what}: ${error}: ${text}`, {
    details: { error, flow: text },
  });
}
