import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { portMasks } from "./port-masks.ts";

describe("masks of a range of ports", () => {
  test.each([
    [0, 65_535, ["0/0"]],
    [80, 80, ["80/ffff"]],
    [80, 81, ["80/fffe"]],
    [1, 4, ["1/ffff", "2/fffe", "4/ffff"]],
    [32_768, 65_535, ["32768/8000"]],
  ])("%i to %i", (first, last, expected) => {
    expect(portMasks({ first, last }).map(({ value, mask }) => `${value}/${mask.toString(16)}`)).toEqual(expected);
  });

  test("have each port of the range once and no other", () => {
    const port = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(port, port, port, (a, b, asked) => {
        const [first, last] = [Math.min(a, b), Math.max(a, b)];
        const masks = portMasks({ first, last });
        const times = masks.filter(({ value, mask }) => (asked & mask) === value).length;
        expect(times).toBe(first <= asked && asked <= last ? 1 : 0);
        expect(masks.length).toBeLessThanOrEqual(30);
      }),
      { numRuns: 500 },
    );
  });
});
