import { describe, expect, test } from "vitest";

import { EventQueue } from "./event-queue.ts";

const queue = (limit = 100) => {
  let ends = 0;
  const made = new EventQueue<string>({ limit, overflow: "overrun", onEnd: () => void ends++ });
  return { made, ends: () => ends };
};

describe("an event queue", () => {
  test("gives values in order to who comes later and to who waits", async () => {
    const { made } = queue();
    made.push("a");
    made.push("b");
    expect([await made.next(), await made.next()].map(({ value }) => value)).toEqual(["a", "b"]);
    const waiting = [made.next(), made.next()];
    made.push("c");
    made.push("d");
    expect((await Promise.all(waiting)).map(({ value }) => value)).toEqual(["c", "d"]);
  });

  test("keeps a bound, and says that something was lost instead of what is left", async () => {
    const { made } = queue(3);
    for (const value of ["a", "b", "c", "d", "e"]) made.push(value);
    expect([await made.next(), await made.next()].map(({ value }) => value)).toEqual(["overrun", "e"]);
  });

  test("ends once, for all who wait and all who come", async () => {
    const { made, ends } = queue();
    const waiting = [made.next(), made.next()];
    made.end();
    made.end();
    made.push("late");
    expect((await Promise.all([...waiting, made.next()])).every(({ done }) => done)).toBe(true);
    expect(ends()).toBe(1);
  });

  test("hands a failure to one reader, waiting or next", async () => {
    const first = queue().made;
    const [one, two] = [first.next(), first.next()];
    first.end(new RangeError("broken"));
    await expect(one).rejects.toThrow("broken");
    expect((await two).done).toBe(true);

    const second = queue().made;
    second.push("a");
    second.end(new RangeError("broken"));
    await expect(second.next()).rejects.toThrow("broken");
    expect((await second.next()).done).toBe(true);
  });
});
