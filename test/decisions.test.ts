import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const folder = resolve(import.meta.dirname, "..", "docs", "decisions");

test("decisions are numbered one after the other, in their names and titles", () => {
  const files = readdirSync(folder).sort();
  expect(files.map((file) => Number(file.slice(0, 4)))).toEqual(files.map((_, index) => index + 1));
  for (const file of files) expect(readFileSync(join(folder, file), "utf8")).toMatch(`# ${file.slice(0, 4)} `);
});
