import { expect, test } from "vitest";
import { createNumbers } from "./numbers.ts";

test("a name has its number until it is freed, and then another name may have it", () => {
  const numbers = createNumbers();
  expect(["h1", "h2", "h1"].map(numbers.of)).toEqual([0, 1, 0]);
  numbers.free("h1");
  numbers.free("h1");
  numbers.free("never");
  expect(["h2", "h3", "h4", "h3"].map(numbers.of)).toEqual([1, 0, 2, 0]);
});
