import { describe, expect, test } from "vitest";

import { Flag, type Message, MessageType } from "./codec/message.ts";
import { type PendingDump, readDump } from "./dump.ts";
import { KernelError } from "./kernel-error.ts";

const row = (value: number, flags = 0): Message => ({ type: 16, flags, sequence: 1, body: Uint8Array.of(value) });
const done = (errno = 0, flags = 0): Message => {
  const body = new Uint8Array(4);
  new DataView(body.buffer).setInt32(0, -errno, true);
  return { type: MessageType.done, flags, sequence: 1, body };
};
const decode = (body: Uint8Array): number | undefined => (body[0] === 0 ? undefined : body[0]);

/** Answers each request with the next list of datagrams. */
function kernel(...answers: Message[][][]): { ask: () => PendingDump; asked: () => number } {
  let asked = 0;
  return {
    asked: () => asked,
    ask: () => {
      const datagrams = [...(answers[Math.min(asked, answers.length - 1)] ?? [])];
      asked++;
      return { sequence: 1, receive: () => datagrams.shift() ?? expect.unreachable("read beyond the end") };
    },
  };
}

describe("a dump", () => {
  test("is read over several datagrams up to its end", () => {
    const { ask } = kernel([[row(1), row(0), row(2)], [row(3)], [done()]]);
    expect(readDump("list", ask, decode)).toEqual([1, 2, 3]);
  });

  test("that a change interrupted is asked for again, wherever the mark is", () => {
    for (const torn of [
      [[row(1, Flag.dumpInterrupted)], [row(2), done()]],
      [[row(1)], [done(0, Flag.dumpInterrupted)]],
    ]) {
      const { ask, asked } = kernel(torn, torn, [[row(7)], [done()]]);
      expect(readDump("list", ask, decode)).toEqual([7]);
      expect(asked()).toBe(3);
    }
  });

  test("of a table that never stands still is given up as retryable", () => {
    const { ask, asked } = kernel([[row(1, Flag.dumpInterrupted), done()]]);
    expect(() => readDump("list links", ask, decode)).toThrow(
      expect.objectContaining({
        errnoName: "EINTR",
        retryable: true,
        message: expect.stringMatching(/^cannot list links/),
      }),
    );
    expect(asked()).toBe(16);
  });

  test("that is refused says so", () => {
    expect(() => readDump("list", kernel([[done(2)]]).ask, decode)).toThrow(KernelError);
    expect(() => readDump("list", kernel([[{ ...done(1), type: MessageType.error }]]).ask, decode)).toThrow(/EPERM/);
  });

  test("passes over what belongs to another request", () => {
    const { ask } = kernel([[{ ...row(9), sequence: 5 }, { ...done(), sequence: 5 }, row(1), done()]]);
    expect(readDump("list", ask, decode)).toEqual([1]);
  });
});
