import { describe, expect, test } from "vitest";
import type { DriverContext } from "./driver-context.ts";
import { wiring } from "./parties.ts";

/** What published ports open on the machine, and that nothing of it stays. */
export function publishedPorts({
  machine,
  driver,
  signal,
  restart,
  endpoints: { a, c },
  networks: { twin },
}: DriverContext): void {
  describe("published ports", () => {
    const tcp = (hostPort: number) => [{ protocol: "tcp" as const, hostPort, containerPort: 80 }];
    const publishers = [
      { ...a, ports: tcp(8080) },
      { ...c, ports: tcp(8081) },
      // Another tenant's, at the same address.
      ...(twin === undefined ? [] : [wiring("twin", twin.id, ["10.30.0.5"], { ports: tcp(8082) })]),
    ];
    const openings = () => machine().openings();

    test("are taken over by a restarted driver, and leave nothing when the last is gone", async () => {
      if (twin !== undefined) driver().setNetwork(twin);
      await driver().synced(signal());
      const before = await openings();
      for (const each of publishers) await driver().attach(each, signal());
      const open = await openings();
      expect(open).not.toEqual(before);
      await expect.poll(() => driver().status(), { timeout: 5000 }).toEqual([]);
      await restart();
      if (twin !== undefined) driver().setNetwork(twin);
      for (const each of publishers.toReversed()) await driver().attach(each, signal());
      expect(await openings()).toEqual(open);
      await driver().synced(signal());
      await expect.poll(() => driver().status(), { timeout: 5000 }).toEqual([]);
      expect(await openings()).toEqual(open);
      for (const each of publishers) await driver().detach(each.id, signal());
      await expect.poll(openings, { timeout: 5000 }).toEqual(before);
      await expect.poll(() => driver().status(), { timeout: 5000 }).toEqual([]);
    });
  });
}
