import { describe, expect, test } from "vitest";
import type { DriverContext } from "./driver-context.ts";

/** How an endpoint loses its interface, whoever waits for it. */
export function detach({ machine, driver, signal, link, isFree, endpoints: { a } }: DriverContext): void {
  describe("detach", () => {
    test("takes the interface from the endpoint, also from a runtime that has given its end back", async () => {
      const port = await driver().attach(a, signal());
      await machine().kernel.setLink(port.containerInterface, { up: true });
      await driver().detach("a", signal());
      await expect.poll(() => isFree(port), { timeout: 5000 }).toBe(true);
    });

    test("of what is not there is no news", async () => {
      await driver().detach("nobody", signal());
      await driver().attach(a, signal());
      await driver().detach("a", signal());
      await driver().detach("a", signal());
    });

    test("works when the sandbox has taken the interface with it", async () => {
      const port = await driver().attach(a, signal());
      await machine().kernel.deleteLink(port.containerInterface);
      await driver().detach("a", signal());
      await expect.poll(() => driver().status(), { timeout: 5000 }).toEqual([]);
    });

    test("that nobody waited for, and attach again leave one interface", async () => {
      await driver().attach(a, signal());
      const caller = new AbortController();
      const first = driver().detach("a", caller.signal);
      caller.abort(new TypeError("gave up"));
      await first.catch(() => undefined);
      const port = await driver().attach(a, signal());
      const own = async () =>
        (await machine().kernel.listLinks()).flatMap(({ name, alias }) => (alias?.endsWith(" a") ? [name] : []));
      await expect.poll(own, { timeout: 5000 }).toEqual([port.hostInterface]);
      expect((await driver().inventory(signal())).map((each) => each.interface)).toEqual([port.hostInterface]);
    });

    test("and attach again give a working interface", async () => {
      await driver().attach(a, signal());
      await driver().detach("a", signal());
      const port = await driver().attach(a, signal());
      expect(await link(port.containerInterface)).toMatchObject({ mac: a.mac });
      await driver().announce("a", signal());
    });
  });
}
