import { expect, test } from "vitest";
import { createTurns } from "./turns.ts";

test("work on one key happens in order, also after a failure, and other keys do not wait", async () => {
  const turns = createTurns();
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = turns.take("a", async () => {
    await gate.promise;
    order.push("first");
    throw new TypeError("first fails");
  });
  const second = turns.take("a", () => Promise.resolve(order.push("second")));
  await turns.take("b", () => Promise.resolve(order.push("other")));
  gate.resolve();
  await expect(first).rejects.toThrow("first fails");
  await second;
  expect(order).toEqual(["other", "first", "second"]);
});
