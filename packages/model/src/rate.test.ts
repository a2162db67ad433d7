import { describe, expect, test } from "vitest";
import { burstText, defaultBurst, parseBurst, parseRate, rateText } from "./rate.ts";

describe("a rate", () => {
  test.each([
    ["100Mbit", 100e6, "100Mbit"],
    ["1.5Gbit", 1.5e9, "1500Mbit"],
    ["64kbit", 64e3, "64kbit"],
    ["2500000bit", 2.5e6, "2500kbit"],
    ["0.1gbit", 100e6, "100Mbit"],
  ])("%s is %d bits per second, and is shown as %s", (text, rate, shown) => {
    expect(parseRate(text)).toBe(rate);
    expect(rateText(rate)).toBe(shown);
  });

  test.each(["100", "100M", "100MB", "1kbit", "401Gbit", "-1Mbit", "Mbit", "64000.5bit", "1e3Mbit", " 1Mbit"])(
    "is not %s",
    (text) => {
      expect(() => parseRate(text)).toThrow("write e.g. 100Mbit, 1Gbit or 1.5Gbit");
    },
  );
});

describe("a burst", () => {
  test.each([
    ["64KiB", 65_536, "64KiB"],
    ["1MiB", 1_048_576, "1MiB"],
    ["100kB", 100_000, "100kB"],
    ["9234B", 9234, "9234B"],
  ])("%s is %d bytes, and is shown as %s", (text, burst, shown) => {
    expect(parseBurst(text)).toBe(burst);
    expect(burstText(burst)).toBe(shown);
  });

  test.each(["64", "1KiB", "65MiB", "64Kbit"])("is not %s", (text) => {
    expect(() => parseBurst(text)).toThrow("write e.g. 64KiB, 1MiB or 100kB");
  });

  test("that nobody has said lasts two milliseconds, or is one segment", () => {
    expect([defaultBurst(100e6), defaultBurst(10e9)]).toEqual([65_536, 2_500_000]);
  });
});
