import { expect, test } from "vitest";
import { createThreadLoad } from "./thread-load.ts";

test("a thread is busy while more than one piece of work is under way, however they end", async () => {
  const load = createThreadLoad();
  const [first, second] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  const results = [load.during(() => first.promise), load.during(() => second.promise)];
  expect(load.isBusy()).toBe(true);
  second.reject(new Error("refused"));
  await expect(results[1]).rejects.toThrow("refused");
  expect(load.isBusy()).toBe(false);
  first.resolve("done");
  await expect(results[0]).resolves.toBe("done");
  expect(load.isBusy()).toBe(false);
});
