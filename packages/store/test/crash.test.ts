import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { silentLogger, systemClock } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSqliteStore } from "../src/open.ts";
import { scratchFolder } from "../src/testing/scratch-folder.ts";

let scratch: ReturnType<typeof scratchFolder>;
let folder: string;
let path: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  scratch = scratchFolder();
  folder = scratch.path;
  path = join(folder, "store.db");
});
afterEach(() => {
  child?.kill("SIGKILL");
  scratch.remove();
});

const open = () => openSqliteStore({ clock: systemClock, logger: silentLogger }, { path });

describe("a process that is killed while it commits", () => {
  test.each(["this", "own"])(
    "has lost nothing that it acknowledged, 20 times over, its file in %s thread",
    {
      timeout: 120_000,
    },
    async (thread) => {
      const acknowledged = new Map<string, number>();
      let first = 0;
      for (let round = 0; round < 20; round++) {
        const { numbers, highest } = await commitAndKill(first, round, thread);
        for (const [number, revision] of numbers) acknowledged.set(number, revision);
        first = Math.max(first, highest + 1) + 100;

        const store = await open();
        const left = new Map((await store.list("left/")).entries.map((entry) => [entry.key.slice(5), entry.revision]));
        const right = new Map(
          (await store.list("right/")).entries.map((entry) => [entry.key.slice(6), entry.revision]),
        );
        const lost = [...acknowledged].filter(([number, revision]) => left.get(number) !== revision);
        expect(lost).toEqual([]);
        expect(right).toEqual(left);
        expect(await store.revision()).toBe(left.size);
        await store.close();
      }
      expect(acknowledged.size).toBeGreaterThan(1000);
    },
  );
});

/** Every fourth time the moment is soon after the start, to hit the opening, too; else it is soon after the first commit. */
async function commitAndKill(first: number, round: number, thread: string) {
  const process_ = start([path, String(first), thread]);
  const output = collectOutput(process_);
  if (round % 4 === 3) await pause(Math.random() * 200);
  else {
    await Promise.race([output.first, once(process_, "exit")]);
    await pause(Math.random() * 100);
  }
  process_.kill("SIGKILL");
  await once(process_, "close");
  expect(output.errors()).toBe("");
  // The last line may be cut: it was not heard whole, so it was not acknowledged.
  const numbers = output
    .text()
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split(" "));
  const pairs = numbers.map(([number = "", revision]) => [number, Number(revision)] as const);
  return { numbers: pairs, highest: Math.max(first, ...pairs.map(([number]) => Number(number))) };
}

describe("a file that another process has open", () => {
  test("is refused with that process named, and free as soon as it is killed", async () => {
    const holder = start([path, "0"]);
    await collectOutput(holder).first;
    await expect(open()).rejects.toMatchObject({
      code: "unavailable",
      message: `${path} is in use by process ${holder.pid}; one process at a time may open it`,
    });
    holder.kill("SIGKILL");
    await once(holder, "close");
    const store = await open();
    expect(await store.revision()).toBeGreaterThan(0);
    await store.close();
  });
});

function start(parameters: readonly string[]): ChildProcess {
  const script = join(import.meta.dirname, "committing-process.ts");
  child = spawn(process.execPath, [script, ...parameters], { stdio: ["ignore", "pipe", "pipe"] });
  return child;
}

function collectOutput(process_: ChildProcess) {
  let text = "";
  let errors = "";
  const first = Promise.withResolvers<void>();
  process_.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    first.resolve();
  });
  process_.stderr?.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return { text: () => text, errors: () => errors, first: first.promise };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
