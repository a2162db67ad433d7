import { describe, expect, test } from "vitest";
import type { DriverContext } from "./driver-context.ts";

/** What a restarted driver keeps, and what it removes. */
export function restarts({ machine, driver, signal, link, isFree, restart, endpoints: { a, b } }: DriverContext): void {
  describe("after a restart", () => {
    test("an endpoint that is attached again has its interface still", async () => {
      const before = await driver().attach(a, signal());
      await restart();
      const after = await driver().attach(a, signal());
      expect(after).toEqual(before);
      await driver().synced(signal());
      expect(await link(before.containerInterface)).toMatchObject({ mac: a.mac });
      await expect.poll(() => driver().status(), { timeout: 5000 }).toEqual([]);
    });

    test("an endpoint whose interface has vanished meanwhile gets a new one", async () => {
      const before = await driver().attach(a, signal());
      await driver().close();
      await machine().kernel.deleteLink(before.containerInterface);
      await restart();
      const after = await driver().attach(a, signal());
      expect(await link(after.containerInterface)).toMatchObject({ mac: a.mac });
    });

    test("nothing is removed before the desired state is complete, then what is not part of it", async () => {
      const kept = await driver().attach(a, signal());
      const lost = await driver().attach(b, signal());
      await restart();
      await driver().attach(a, signal());
      expect(await link(lost.hostInterface)).toBeDefined();
      await driver().synced(signal());
      await expect.poll(() => isFree(lost), { timeout: 5000 }).toBe(true);
      expect(await link(kept.hostInterface)).toBeDefined();
    });

    test("an endpoint can be detached that was not attached again", async () => {
      const port = await driver().attach(a, signal());
      await restart();
      await driver().detach("a", signal());
      await expect.poll(() => isFree(port), { timeout: 5000 }).toBe(true);
    });

    test("a detach that was cut short is finished", async () => {
      const port = await driver().attach(a, signal());
      await driver().detach("a", signal());
      await restart();
      await driver().synced(signal());
      await expect.poll(() => isFree(port), { timeout: 5000 }).toBe(true);
    });
  });
}
