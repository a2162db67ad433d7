import { HoldfastError } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { createAppender } from "./appender.ts";
import { createOutbox, PAGE_BYTES } from "./outbox.ts";
import type { Redis } from "./redis.ts";

/** A Redis of a stream of ten entries of 100 bytes, and what it was told. */
function startAppender({ memory = "", isFull = false, mostBytes = 10_000 }) {
  const told: string[] = [];
  const command = async (words: readonly (string | Buffer)[]): Promise<never> => {
    const [name = "", ...rest] = words.filter((word) => typeof word === "string");
    if (name === "XADD" || name === "XTRIM") told.push([name, ...rest.slice(0, 4)].join(" "));
    if (name === "XADD" && isFull)
      throw new HoldfastError("unavailable", "Redis: XADD: OOM command not allowed when used memory > 'maxmemory'.");
    return { XLEN: 10, MEMORY: 1000, INFO: memory }[name] as never;
  };
  const redis: Redis = {
    command,
    bytes: command,
    state: () => ({ state: "connected", since: 0 }),
    [Symbol.asyncDispose]: async () => undefined,
  };
  const outbox = createOutbox("h1", 1024 * 1024);
  const appender = createAppender(redis, outbox, { key: "sflow", mostBytes });
  outbox.add(new DataView(new ArrayBuffer(8)), 0, 8, Date.now());
  appender.flush();
  return { appender, outbox, told };
}

/** As Redis says it, among much else. */
const memoryOf = (used: number, most: number): string =>
  `# Memory\r\nused_memory:${used}\r\nused_memory_peak:1\r\nmaxmemory:${most}\r\nmaxmemory_policy:noeviction\r\n`;

describe("what goes into a stream", () => {
  test.each([
    ["what it may have", "", 100],
    ["what it may have, where Redis has no bound", memoryOf(5000, 0), 100],
    ["four fifths of what is left of Redis' memory, with its own", memoryOf(5000, 9000), 40],
    ["one entry, where nothing is left", memoryOf(9500, 8000), 1],
  ])("keeps it to %s", async (_, memory, entries) => {
    const { told, outbox } = startAppender({ memory });
    await expect.poll(() => outbox.counts.sent).toBe(1);
    expect(told).toEqual([`XADD sflow MAXLEN ~ ${entries}`]);
  });

  test("goes on by itself as long as whole entries wait", async () => {
    const { outbox, told } = startAppender({});
    const large = new DataView(new ArrayBuffer(PAGE_BYTES / 4));
    for (let count = 0; count < 9; count++) outbox.add(large, 0, large.byteLength, Date.now());
    await expect.poll(() => told.length).toBe(2);
    await new Promise((resolve) => setImmediate(resolve));
    expect([told.length, outbox.counts]).toEqual([2, { sent: 7, waiting: 3, dropped: 0 }]);
  });

  test("makes room for itself where others took the last memory, and waits", async () => {
    const { appender, told, outbox } = startAppender({ memory: memoryOf(9900, 9900), isFull: true });
    await expect.poll(() => appender.error).toContain("OOM");
    expect(told).toEqual(["XADD sflow MAXLEN ~ 8", "XTRIM sflow MAXLEN ~ 8"]);
    expect(outbox.counts.waiting).toBe(1);
  });
});
