import { MacAddress } from "@holdfast/core";
import { beforeEach, describe, expect, test } from "vitest";

import type { Kernel, Neighbour } from "../../kernel.ts";
import { address, type KernelUnderTest, MAC } from "./kernel-under-test.ts";

/** How neighbours are set and removed, and which are refused. */
export function neighboursCompliance(name: string, subject: KernelUnderTest): void {
  describe(`${name}: neighbours`, () => {
    let kernel: Kernel;
    beforeEach(() => {
      ({ kernel } = subject);
    });
    const { attach } = subject;

    const neighbour: Neighbour = { link: "h1", address: address("10.1.0.2"), mac: MAC, state: "permanent" };
    const six: Neighbour = { ...neighbour, address: address("fd00::2") };

    test("are set, changed and removed, each twice", async () => {
      await using _there = await attach();
      for (const row of [neighbour, six, neighbour, six]) await kernel.replaceNeighbour(row);
      expect(sortNeighbours(await kernel.listNeighbours("h1"))).toEqual([neighbour, six]);
      expect(sortNeighbours(await kernel.listNeighbours())).toEqual([neighbour, six]);
      const changed = { ...neighbour, mac: MacAddress.parse("02:00:00:00:00:09") };
      await kernel.replaceNeighbour(changed);
      expect(sortNeighbours(await kernel.listNeighbours("h1"))).toEqual([changed, six]);
      for (const row of [neighbour, six, neighbour, six]) await kernel.deleteNeighbour(row);
      expect(await kernel.listNeighbours("h1")).toEqual([]);
      expect(await kernel.listNeighbours("none")).toEqual([]);
      await kernel.deleteNeighbour({ ...neighbour, link: "none" });
    });

    test("cannot be set to a state that we do not know, or on a link that is not there", async () => {
      await expect(kernel.replaceNeighbour({ ...neighbour, state: "other" })).rejects.toMatchObject({
        code: "invalid_argument",
      });
      await expect(kernel.replaceNeighbour(neighbour)).rejects.toMatchObject({ errnoName: "ENODEV" });
    });

    test("go when the link goes down, the permanent ones, too", async () => {
      await using _there = await attach();
      await kernel.replaceNeighbour(neighbour);
      await kernel.setLink("h1", { up: false });
      expect(await kernel.listNeighbours("h1")).toEqual([]);
    });
  });
}

function sortNeighbours(rows: readonly Neighbour[]): Neighbour[] {
  return rows.toSorted((a, b) => (a.address < b.address ? -1 : 1));
}
