import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statfsSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, silentLogger, systemClock } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDuckStore } from "../src/duckdb/duck-store.ts";
import { ALWAYS } from "../src/query/plan.ts";
import { DEFAULT_TIERS, type FlowStore } from "../src/store/store.ts";
import { container, outside, TEN_O_CLOCK, traffic, windowOf } from "../src/testing/made-traffic.ts";

const KILLS = 8;
const MIB = 1024 * 1024;
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-flows-"));
  path = join(folder, "flows.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(clock: Clock = systemClock): Promise<FlowStore> {
  return openDuckStore({ clock, logger: silentLogger }, { path, memoryMib: 128, tiers: DEFAULT_TIERS });
}

/** Bytes in windows, from the first to before the last. */
async function bytesOf(store: FlowStore, first: number, last: number): Promise<number> {
  const answer = await store.sums({
    slots: { start: TEN_O_CLOCK + first * 10_000, milliseconds: (last - first) * 10_000, count: 1 },
    parts: [],
    totals: [ALWAYS],
    measure: "bytes",
    limit: 1,
    ranked: "all",
  });
  return answer.totals[0]?.[0]?.bytes ?? Number.NaN;
}

describe("the DuckDB store on a disk", () => {
  test("keeps what it took when it is closed, and goes on rolling up where it was", async () => {
    const web = container("shop/web/web-0", "10.20.0.7");
    for (const first of [0, 3, 9]) {
      await using store = await open();
      for (let number = first; number < first + 3; number++) {
        await store.take(windowOf(TEN_O_CLOCK + number * 10_000, [traffic(web, outside("192.0.2.1"), { bytes: 7 })]));
      }
    }
    await using store = await open();
    expect([await bytesOf(store, 0, 12), await bytesOf(store, 0, 6), await bytesOf(store, 5, 10)]).toEqual([
      63, 42, 14,
    ]);
  });

  test("knows how far a stream was read with what it has, and does not take the last window of it again", async () => {
    const web = container("shop/web/web-0", "10.20.0.7");
    const row = traffic(web, outside("192.0.2.1"), { bytes: 7 });
    const ofStream = (number: number) => ({
      ...windowOf(TEN_O_CLOCK + number * 10_000, [row]),
      origin: { stream: "sflow", number, checkpoint: `{"at":${number}}` },
    });
    {
      await using store = await open();
      await store.take(ofStream(0));
      await store.take(ofStream(1));
    }
    await using store = await open();
    expect(await store.checkpoint?.("sflow")).toBe('{"at":1}');
    await store.take(ofStream(1));
    expect(await bytesOf(store, 0, 3)).toBe(14);
  });

  test(`killed ${KILLS} times while it writes, it has every window that it said it took`, {
    timeout: 120_000,
  }, async () => {
    let said = -1;
    for (let kill = 0; kill < KILLS; kill++) {
      const first = said + 1;
      const child = spawn(process.execPath, [join(import.meta.dirname, "flow-writer.ts"), path, String(first)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let output = "";
      child.stdout.on("data", (text: Buffer) => {
        output += text.toString();
        if (output.split("\n").length > 10 + 7 * kill) child.kill("SIGKILL");
      });
      await once(child, "close");
      said = Math.max(...output.trim().split("\n").map(Number));
      await using store = await open();
      const whole = await bytesOf(store, 0, said + 1);
      // A window that was taken and not said any more is taken again by the next writer, in this test alone.
      expect(whole).toBeGreaterThanOrEqual(said + 1);
      expect(whole).toBeLessThanOrEqual(said + 1 + kill);
    }
  });

  test("says who has the file when another process does", async () => {
    await using _ = await open();
    const script = `import { openDuckStore } from "${join(import.meta.dirname, "../src/duckdb/duck-store.ts")}";
      await openDuckStore({ clock: {}, logger: {} }, { path: ${JSON.stringify(path)}, memoryMib: 128, tiers: {} })
        .catch((error) => process.stdout.write(error.code + " " + error.message));`;
    const said = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(said).toContain(`unavailable cannot open the flow store ${path}: `);
    expect(said).toContain(`PID ${process.pid}`);
  });

  describe("that is full", () => {
    beforeEach(() => {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", folder]);
    });
    afterEach(() => {
      execFileSync("umount", ["-l", folder]);
    });

    const web = container("shop/web/web-0", "10.20.0.7");
    /** New ends and numbers that do not repeat, so that they take room. */
    const bulky = (number: number) =>
      windowOf(
        TEN_O_CLOCK + number * 10_000,
        Array.from({ length: 4000 }, (_, index) =>
          traffic(web, outside(`100.${64 + (number % 60)}.${index >> 8}.${index & 255}`), {
            bytes: 1 + Math.imul(number * 4001 + index, 2_654_435_761) / 2 ** 32,
            packets: Math.PI * (index + number),
          }),
        ),
      );

    // DuckDB goes on after the one, and wants the file to be opened again after the other.
    test.each([
      ["while a window is written", 0, 0],
      ["while DuckDB tidies its log into the file", 14 * MIB, 2.5 * MIB],
    ])(
      "%s: counts what it cannot keep, answers about what it has, and takes traffic again when there is room",
      async (_, log, left) => {
        const clock = new ManualClock();
        await using store = await open(clock);
        let number = 0;
        do await store.take(bulky(number++));
        while (statSync(`${path}.wal`).size < log);
        const before = await bytesOf(store, 0, 1);
        const ballast = join(folder, "ballast");
        fill(ballast, left);
        const refused: unknown[] = [];
        for (; number < 100 && refused.length < 3; number++) {
          await store.take(bulky(number)).catch((error: unknown) => {
            refused.push(error);
            clock.advance(2000);
          });
        }
        expect(refused).toHaveLength(3);
        const full = expect.stringContaining("No space left") as string;
        expect(refused[0]).toMatchObject({ code: "unavailable", message: full });
        expect(store.state()).toMatchObject({ failing: { reason: full }, lost: { windows: 3, rows: 12_000 } });
        clock.advance(2000);
        expect(await bytesOf(store, 0, 1)).toBe(before);

        unlinkSync(ballast);
        clock.advance(2000);
        await store.take(windowOf(TEN_O_CLOCK + 200 * 10_000, [traffic(web, outside("192.0.2.1"), { bytes: 5 })]));
        expect(store.state().failing).toBeUndefined();
        expect([await bytesOf(store, 200, 201), await bytesOf(store, 0, 1)]).toEqual([5, before]);
      },
    );
  });
});

/** Leaves so much of the disk. */
function fill(file: string, left: number): void {
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(file, Buffer.alloc(bavail * bsize - left, 1));
}
