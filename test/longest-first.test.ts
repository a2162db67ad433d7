import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LONG } from "./longest-first.ts";

test("files that come first for their time are there", () => {
  expect(LONG.filter((file) => !existsSync(join(import.meta.dirname, "..", file)))).toEqual([]);
});
