import { describe, expect, test } from "vitest";
import { flowRows } from "../flow-row.ts";
import { FlowStore } from "./flow-store.ts";

/** Of table 1, by its port. */
function row(port: number, priority = 1) {
  const [found] = flowRows([{ table: 1, priority, match: { inPort: port }, actions: [] }], 7n);
  if (found === undefined) throw new TypeError("a rule is a flow");
  return found;
}

describe("flows of a switch and those that are wanted", () => {
  test("differ by what nobody wants once that is asked for, and by nothing when it is gone", () => {
    const store = new FlowStore();
    store.observe([row(1), row(2), row(3)]);
    store.put(row(2));
    store.done(store.difference(false));
    expect(store.difference(false)).toMatchObject({ add: [], remove: [] });
    const orphans = store.difference(true);
    expect(orphans).toMatchObject({ add: [], remove: [row(1), row(3)] });
    // Refused: asked again, they are the same.
    expect(store.difference(true)).toEqual(orphans);
    store.done(orphans);
    expect(store.difference(true)).toMatchObject({ add: [], remove: [] });
    expect([...store.present()]).toEqual([row(2)]);
  });

  test("are looked at again when the switch is seen anew", () => {
    const store = new FlowStore();
    store.put(row(2));
    store.done(store.difference(true));
    store.observe([row(1)]);
    expect(store.difference(true)).toMatchObject({ add: [row(2)], remove: [row(1)] });
  });

  test("cost a change what it changes, however many there are", () => {
    const store = new FlowStore();
    for (let port = 1; port <= 1000; port++) store.put(row(port));
    store.done(store.difference(true));
    store.observe(store.present());
    store.done(store.difference(true));
    store.put(row(5, 2));
    store.delete(row(6).key);
    const { add, remove, keys } = store.difference(true);
    expect({ add, remove }).toEqual({ add: [row(5, 2)], remove: [row(6)] });
    expect(keys.size).toBe(2);
  });
});
