import type { Backend, Writer } from "./backend.ts";
import type { Change, Operation } from "./store.ts";
import type { Done, GroupDone, Work } from "./work.ts";

/**
 * Does a group of work in its order, in one write of the backend: all of it is durable on return. Each piece decides before it writes, on what
 * those before it wrote; one that conflicts or is refused leaves no trace.
 *
 * @param keepRevisions how many of the newest revisions watchers can go back to
 */
export function performGroup(backend: Backend, works: readonly Work[], keepRevisions: number): GroupDone {
  const done = backend.write((writer) => works.map((work) => perform(writer, work, keepRevisions)));
  return { done, compacted: backend.compacted };
}

function perform(writer: Writer, work: Work, keepRevisions: number): Done {
  switch (work.kind) {
    case "commit": {
      const done = commit(writer, work);
      if (done.kind === "committed") forgetOldHistory(writer, keepRevisions);
      return done;
    }
    case "compact":
      if (work.revision > writer.newest) return { kind: "not-reached", newest: writer.newest };
      if (work.revision > writer.compacted) writer.compact(work.revision);
      return { kind: "done" };
    case "start-lease":
      if (work.again && !writer.hasLease(work.lease.id)) return { kind: "no-lease", id: work.lease.id };
      writer.putLease(work.lease);
      return { kind: "done" };
    case "end-lease":
      return endLease(writer, work.id);
  }
}

function commit(writer: Writer, { conditions, operations }: Work & { kind: "commit" }): Done {
  const marks = writer.marks(conditions.map(({ key }) => key));
  const conflicts: number[] = [];
  for (const [index, { key, revision }] of conditions.entries()) {
    if ((marks.get(key)?.revision ?? 0) !== revision) conflicts.push(index);
  }
  if (conflicts.length > 0) return { kind: "conflict", conflicts };
  const ended = endedLease(writer, operations);
  if (ended !== undefined) return { kind: "no-lease", id: ended };

  const revision = writer.newest + 1;
  const created = operations.map((operation) => {
    const { key } = operation;
    const present = marks.has(key) ? marks.get(key) : writer.mark(key);
    return operation.kind === "put" ? (present?.created ?? revision) : (present?.created ?? 0);
  });
  const changes = changesOf(operations, { revision, created });
  if (changes.length === 0) return { kind: "committed", revision: writer.newest, created };
  writer.apply({ revision, changes }, leasesOf(operations));
  return { kind: "committed", revision, created };
}

/** What a commit changed: its operations without those that found nothing to do. */
export function changesOf(
  operations: readonly Operation[],
  { revision, created }: { readonly revision: number; readonly created: readonly number[] },
): Change[] {
  const changes: Change[] = [];
  for (const [index, operation] of operations.entries()) {
    const first = created[index] ?? 0;
    if (first === 0) continue;
    const { key } = operation;
    if (operation.kind === "delete") changes.push({ kind: "delete", key, revision });
    else changes.push({ kind: "put", entry: { key, value: operation.value, revision, created: first } });
  }
  return changes;
}

/** In steps of a hundredth, because forgetting one by one costs more; never many at once, because that takes long. */
function forgetOldHistory(writer: Writer, keepRevisions: number): void {
  const step = Math.ceil(keepRevisions / 100) + 1;
  const superfluous = writer.newest - keepRevisions - writer.compacted;
  if (superfluous >= step) writer.compact(writer.compacted + Math.min(superfluous, 2 * step));
}

function endLease(writer: Writer, id: string): Done {
  if (!writer.hasLease(id)) return { kind: "lease-ended", revision: writer.newest, keys: [] };
  const revision = writer.newest + 1;
  const keys = writer.keysOfLease(id);
  const changes = keys.map((key): Change => ({ kind: "delete", key, revision }));
  if (changes.length > 0) writer.apply({ revision, changes }, NO_LEASES);
  writer.deleteLease(id);
  return { kind: "lease-ended", revision, keys };
}

function endedLease(writer: Writer, operations: readonly Operation[]): string | undefined {
  for (const operation of operations) {
    if (operation.kind !== "put" || operation.lease === undefined) continue;
    if (!writer.hasLease(operation.lease)) return operation.lease;
  }
  return undefined;
}

const NO_LEASES: ReadonlyMap<string, string> = new Map();

function leasesOf(operations: readonly Operation[]): ReadonlyMap<string, string> {
  if (!operations.some((operation) => operation.kind === "put" && operation.lease !== undefined)) return NO_LEASES;
  const leases = new Map<string, string>();
  for (const operation of operations) {
    if (operation.kind === "put" && operation.lease !== undefined) leases.set(operation.key, operation.lease);
  }
  return leases;
}
