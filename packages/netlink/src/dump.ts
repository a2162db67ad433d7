import { decodeOutcome, Flag, type Message, MessageType } from "./codec/message.ts";
import { KernelError } from "./kernel-error.ts";
import { Errno } from "./libc.ts";

/** A dump that was asked for and not yet read. */
export interface PendingDump {
  readonly sequence: number;
  /** The next datagram's messages, in the kernel's order. */
  receive(): readonly Message[];
}

/** How often a table may change under our eyes before we give up: each time it was read to the end. */
const ATTEMPTS = 16;

/**
 * The rows of a table, all as they were at one time: a dump that the kernel marks as interrupted by a change (NLM_F_DUMP_INTR) is
 * asked for again. What `decode` gives undefined for is left out. A refusal with one of the errnos in `absent` says that there is no such table, and no row.
 *
 * @throws KernelError with `task` when the kernel refuses, EINTR when the table never stood still.
 */
export function readDump<T>(
  task: string,
  ask: () => PendingDump,
  decode: (body: Uint8Array) => T | undefined,
  absent: ReadonlySet<number> = new Set(),
): T[] {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const rows = readOnce(task, ask(), decode, absent);
    if (rows !== "interrupted") return rows;
  }
  throw new KernelError({ task, errno: Errno.EINTR, explanation: "the table kept changing while it was read" });
}

function readOnce<T>(
  task: string,
  { sequence, receive }: PendingDump,
  decode: (body: Uint8Array) => T | undefined,
  absent: ReadonlySet<number>,
): T[] | "interrupted" {
  const rows: T[] = [];
  let interrupted = false;
  for (;;) {
    for (const message of receive()) {
      if (message.sequence !== sequence) continue; // of a dump that was given up
      if (message.flags & Flag.dumpInterrupted) interrupted = true;
      if (message.type === MessageType.error || message.type === MessageType.done) {
        const outcome = decodeOutcome(message);
        if (absent.has(outcome.errno)) return [];
        if (outcome.errno !== 0) throw new KernelError({ task, ...outcome });
        return interrupted ? "interrupted" : rows;
      }
      const row = decode(message.body);
      if (row !== undefined) rows.push(row);
    }
  }
}
