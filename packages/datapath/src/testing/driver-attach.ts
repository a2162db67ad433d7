import { describe, expect, test } from "vitest";
import type { DriverContext } from "./driver-context.ts";
import { wiring } from "./parties.ts";

/** How an endpoint gets its interface, and what is refused. */
export function attach({ driver, signal, link, endpoints: { a, b, c }, networks: { first } }: DriverContext): void {
  describe("attach", () => {
    test("gives an interface whose one end waits for the sandbox, with the endpoint's MAC and the network's MTU", async () => {
      const port = await driver().attach(c, signal());
      expect(port.mtu).toBe(1450);
      expect(await link(port.containerInterface)).toMatchObject({ mac: c.mac, mtu: 1450, up: false });
      expect(await link(port.hostInterface)).toMatchObject({ up: true, carrier: false });
    });

    test("gives the same again for the same endpoint, also at the same time", async () => {
      const [first, second] = await Promise.all([driver().attach(a, signal()), driver().attach(a, signal())]);
      expect(second).toEqual(first);
      expect(await driver().attach(a, signal())).toEqual(first);
    });

    test("gives each endpoint its own", async () => {
      const wirings = Array.from({ length: 20 }, (_, index) => wiring(`e${index}`, "n7", [`10.20.0.${index + 10}`]));
      const ports = await Promise.all(wirings.map((each) => driver().attach(each, signal())));
      expect(new Set(ports.map((port) => port.hostInterface)).size).toBe(20);
      const macs = await Promise.all(ports.map(async (port) => (await link(port.containerInterface))?.mac));
      expect(macs).toEqual(wirings.map(({ mac }) => mac));
    });

    test("of an unknown network is refused and leaves nothing", async () => {
      await expect(driver().attach({ ...a, network: "n99" }, signal())).rejects.toMatchObject({ code: "not_found" });
      await expect(driver().announce("a", signal())).rejects.toMatchObject({ code: "not_found" });
    });

    test("with a policy that is not in force here is refused and leaves nothing", async () => {
      const guarded = { ...a, policy: { program: "p-unknown" } };
      await expect(driver().attach(guarded, signal())).rejects.toMatchObject({ code: "not_found" });
      await expect(driver().announce("a", signal())).rejects.toMatchObject({ code: "not_found" });
    });

    test("does nothing when it was cancelled before", async () => {
      const cancelled = AbortSignal.abort(new TypeError("cancelled"));
      await expect(driver().attach(a, cancelled)).rejects.toThrow("cancelled");
      await expect(driver().announce("a", signal())).rejects.toMatchObject({ code: "not_found" });
    });

    test("takes a jumbo MTU", async () => {
      driver().setNetwork({ ...first, mtu: 9000 });
      const port = await driver().attach(a, signal());
      expect(await link(port.containerInterface)).toMatchObject({ mtu: 9000 });
      expect((await link(port.hostInterface))?.mtu).toBeGreaterThanOrEqual(9000);
    });

    test("after a change of the MTU gives new interfaces the new one and leaves the others alone", async () => {
      const before = await driver().attach(a, signal());
      driver().setNetwork({ ...first, mtu: 1400 });
      const after = await driver().attach(b, signal());
      expect(await link(after.containerInterface)).toMatchObject({ mtu: 1400 });
      expect(await link(before.containerInterface)).toMatchObject({ mtu: 1500 });
    });
  });
}
