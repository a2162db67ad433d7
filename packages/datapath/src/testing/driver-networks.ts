import { Name } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import type { DriverContext } from "./driver-context.ts";
import { asRemote } from "./parties.ts";

/** Networks and remote endpoints, told in any order; prefixes that overlap. */
export function desiredState({
  driver,
  signal,
  endpoints: { c },
  networks: { first, other, twin },
}: DriverContext): void {
  describe.runIf(twin === undefined)("a network with the prefix of another one", () => {
    const overlapping = { ...other, id: "n9", name: Name.parse("copy"), tenant: Name.parse("third") };

    test("is named in the status, and its endpoints are refused with both names", async () => {
      driver().setNetwork(overlapping);
      await driver().synced(signal());
      const error = expect.stringContaining("third/copy overlaps 10.30.0.0/24 of rival/");
      await expect.poll(() => driver().status(), { timeout: 5000 }).toMatchObject([{ row: "networks n9", error }]);
      const refused = driver().attach({ ...c, id: "d", network: "n9" }, signal());
      await expect(refused).rejects.toMatchObject({ code: "conflict", message: error });
      driver().removeNetwork("n9");
      await expect.poll(() => driver().status(), { timeout: 5000 }).toEqual([]);
    });
  });

  describe("desired state", () => {
    test("may be told again, in any order, and be removed twice", async () => {
      const remote = asRemote({ ...c, id: "r" }, "192.168.50.12");
      driver().setRemote(remote);
      driver().setRemote(remote);
      driver().setNetwork(other);
      driver().setNetwork({ ...first, subnets: [] });
      driver().removeRemote("r");
      driver().removeRemote("r");
      driver().removeNetwork("n8");
      driver().removeNetwork("n8");
      driver().setNetwork(other);
      await driver().attach(c, signal());
      await driver().synced(signal());
      await driver().synced(signal());
      await expect.poll(() => driver().status(), { timeout: 5000 }).toEqual([]);
    });
  });
}
