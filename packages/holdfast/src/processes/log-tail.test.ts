import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lengthOf, logTail } from "./log-tail.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hf-log-"));
  path = join(folder, "agent.log");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const event = (level: number, msg: string, fields: object = {}): string =>
  `${JSON.stringify({ level, time: "2026-11-21T00:39:56.912Z", component: "agent", part: "datapath", ...fields, msg })}\n`;

describe("the end of a log", () => {
  test("is the complaints, as people read them", () => {
    const error = "no such link: No such device (ENODEV)";
    writeFileSync(
      path,
      event(30, "database connected", { changes: 1 }) + event(40, "row is not as desired", { error }),
    );
    writeFileSync(path, "holdfast: cannot set bridges hf-up\n", { flag: "a" });
    expect(logTail(path, { from: 0, lines: 5 })).toBe(
      `row is not as desired: error="${error}"\nholdfast: cannot set bridges hf-up`,
    );
  });

  test("is what happened last when nothing complains", () => {
    writeFileSync(path, event(30, "one") + event(20, "two") + event(30, "three"));
    expect(logTail(path, { from: 0, lines: 2 })).toBe("two\nthree");
  });

  test("leaves out what earlier runs wrote", () => {
    writeFileSync(path, event(50, "a failure of yesterday ✗"));
    const from = lengthOf(path);
    writeFileSync(path, event(50, "a failure of today"), { flag: "a" });
    expect(logTail(path, { from, lines: 5 })).toBe("a failure of today");
  });

  test("passes over what dockerd says in passing", () => {
    const line = (level: string, msg: string): string => `time="2026-11-21T00:57:36.5Z" level=${level} msg="${msg}"\n`;
    writeFileSync(path, `${line("info", "Starting up")}failed to start daemon\n${line("info", "stopping")}`);
    expect(logTail(path, { from: 0, lines: 5 })).toBe("failed to start daemon");
  });

  test("keeps a line that is no event as it stands", () => {
    writeFileSync(path, '{"msg": "cut\n{"level":"x","msg":1}\n');
    expect(logTail(path, { from: 0, lines: 5 })).toBe('{"msg": "cut\n{"level":"x","msg":1}');
  });

  test("says so when there is none", () => {
    expect(lengthOf(path)).toBe(0);
    expect(logTail(path, { from: 0, lines: 5 })).toBe("(nothing)");
  });
});
