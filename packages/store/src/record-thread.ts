import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { errorText, HoldfastError } from "@holdfast/core";
import { type Packed, packWorks, unpackDone } from "./packing.ts";
import type { GroupTold, HistoryPage, OpenedRecords, Records } from "./records.ts";
import type { Entry } from "./store.ts";
import { type Answer, arrived, type ListResult, type Question, type ThreadStart } from "./thread-messages.ts";
import type { Work } from "./work.ts";

const PROGRAM = new URL("./record-thread-program.ts", import.meta.url);

/** So many works are worth waking the thread for before the end of the turn, so that both work at the same time. */
const HAND_OVER = 8;

/** Groups that were handed over, in turn. */
interface Handed {
  readonly works: readonly Work[];
  readonly tell: GroupTold;
}

/**
 * Records in a SQLite file, worked on by a thread of their own, so that this one goes on while the disk syncs. What this thread hands over
 * while the disk is busy becomes one group.
 *
 * @throws HoldfastError as {@link openSqliteFile}.
 */
export async function recordThread(start: ThreadStart, program = PROGRAM): Promise<Records> {
  const worker = new Worker(program, { workerData: start });
  const handed: Handed[] = [];
  const reads = new Map<number, PromiseWithResolvers<unknown>>();
  let lastRead = 0;
  const ended = new AbortController();

  function end(error: HoldfastError): void {
    if (ended.signal.aborted) return;
    ended.abort(error);
    for (const { tell } of handed.splice(0)) tell.failed(error);
    for (const reader of reads.values()) reader.reject(error);
    reads.clear();
  }

  function read<T>(question: (id: number) => Question): Promise<T> {
    if (ended.signal.aborted) return Promise.reject(ended.signal.reason as HoldfastError);
    const reader = Promise.withResolvers<unknown>();
    const id = ++lastRead;
    reads.set(id, reader);
    worker.postMessage(question(id));
    return reader.promise as Promise<T>;
  }

  function hear(answer: Answer): void {
    switch (answer.kind) {
      case "performed":
        tellGroups(handed.splice(0, answer.questions), answer.done, answer.compacted);
        break;
      case "not-performed":
        for (const { tell } of handed.splice(0, answer.questions)) tell.failed(arrived(answer.error));
        break;
      case "read":
        settled(reads, answer.id)?.resolve(answer.result);
        break;
      case "not-read":
        settled(reads, answer.id)?.reject(arrived(answer.error));
        break;
      case "opened":
      case "not-opened":
        throw new TypeError("bug: opened twice");
    }
  }

  // What a thread says last and its end may be told in one turn: who listens for the end only then waits for ever.
  const exited = once(worker, "exit").then(() => undefined);
  const opened = await whenOpened(worker, exited, start.path);
  worker.on("message", hear);
  worker.on("error", (error) => end(lost(start.path, errorText(error))));
  void exited.catch(() => undefined).then(() => end(lost(start.path, "it ended")));
  return {
    opened,
    handOver: HAND_OVER,
    lost: ended.signal,
    get: (key) => read<Entry | undefined>((id) => ({ kind: "get", id, key })),
    list: (range) => read<ListResult>((id) => ({ kind: "list", id, range })),
    history: (after, changes) => read<HistoryPage>((id) => ({ kind: "history", id, after, changes })),
    perform(works, tell) {
      if (ended.signal.aborted) return tell.failed(ended.signal.reason);
      handed.push({ works, tell });
      worker.postMessage({ kind: "perform", works: packWorks(works) } satisfies Question);
    },
    async close() {
      if (ended.signal.aborted) return;
      worker.postMessage({ kind: "close" } satisfies Question);
      await exited;
    },
  };
}

async function whenOpened(worker: Worker, exited: Promise<undefined>, path: string): Promise<OpenedRecords> {
  const said = once(worker, "message").then(([first]) => first as Answer);
  const answer = await Promise.race([said, exited]);
  if (answer?.kind === "opened") return answer.records;
  await exited;
  if (answer === undefined) throw lost(path, "it ended");
  throw answer.kind === "not-opened" ? arrived(answer.error) : new TypeError("bug: answered before it opened");
}

/** Gives each group its share of the outcomes. */
function tellGroups(groups: readonly Handed[], packed: Packed, compacted: number): void {
  const done = unpackDone(
    packed,
    groups.flatMap(({ works }) => works),
  );
  let told = 0;
  for (const { works, tell } of groups) {
    tell.done({ done: done.slice(told, told + works.length), compacted });
    told += works.length;
  }
}

function settled(reads: Map<number, PromiseWithResolvers<unknown>>, id: number) {
  const reader = reads.get(id);
  reads.delete(id);
  return reader;
}

function lost(path: string, reason: string): HoldfastError {
  return new HoldfastError("unavailable", `the thread that writes ${path} is gone (${reason}); start again`);
}
