import { IpAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { StandIns } from "./stand-ins.ts";

const ip = IpAddress.parse;
const all = (from: number, count: number) => new Set(Array.from({ length: count }, (_, index) => from + index));

describe("addresses that stand for endpoints", () => {
  test("begin after the machine's own and stay with their port", () => {
    const standIns = new StandIns();
    standIns.assign(new Set([1000, 1001]));
    expect(standIns.assign(new Set([1005, 1001, 1000]))).toEqual(
      new Map([
        [1000, ip("169.254.88.2")],
        [1001, ip("169.254.88.3")],
        [1005, ip("169.254.88.4")],
      ]),
    );
  });

  test("of ports that are gone are not given again at once", () => {
    const standIns = new StandIns();
    standIns.assign(new Set([1000]));
    standIns.assign(new Set());
    expect(standIns.assign(new Set([1000])).get(1000)).toBe("169.254.88.3");
  });

  test("of an earlier run stay, and are gone when their ports are not there any more", () => {
    const standIns = new StandIns();
    standIns.inherit(
      new Map([
        [1000, ip("169.254.90.7")],
        [1001, ip("169.254.88.2")],
      ]),
    );
    const given = standIns.assign(new Set([1000, 1002]));
    expect(given).toEqual(
      new Map([
        [1000, ip("169.254.90.7")],
        [1002, ip("169.254.90.8")],
      ]),
    );
  });

  test("are never the broadcast address, never the same twice, and come to an end", () => {
    const standIns = new StandIns();
    const given = standIns.assign(all(1000, 3000));
    expect(given.size).toBe(2045);
    expect(new Set(given.values()).size).toBe(2045);
    expect([...given.values()]).toContain("169.254.95.254");
    for (const taken of ["169.254.88.0", "169.254.88.1", "169.254.95.255"])
      expect([...given.values()]).not.toContain(taken);
    // Those that came first keep theirs, and who leaves makes room.
    const later = standIns.assign(new Set([...all(1000, 3000)].filter((port) => port !== 1005)));
    expect(later.get(1000)).toBe("169.254.88.2");
    expect(later.size).toBe(2045);
  });
});
