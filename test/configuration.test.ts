import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

test("docs/configuration.md is what the definitions say; make docs writes it", () => {
  const page = execFileSync(`${root}/bin/holdfast`, ["options-page"], { encoding: "utf8" });
  expect(readFileSync(`${root}/docs/configuration.md`, "utf8")).toBe(page);
});

test.each(["controller", "agent", "collector", "up", "down", "lab"])(
  "holdfast %s --help starts under plain Node and shows options",
  (verb) => {
    const help = execFileSync(`${root}/bin/holdfast`, [verb, "--help"], { encoding: "utf8" });
    expect(help).toContain("Usage: ");
  },
);

test("the exit code of a program is that of the command", () => {
  const failing = () =>
    execFileSync(`${root}/bin/holdfast`, ["lab", "destroy", "no/name"], { encoding: "utf8", stdio: "pipe" });
  expect(failing).toThrow(expect.objectContaining({ status: 1 }) as Error);
});
