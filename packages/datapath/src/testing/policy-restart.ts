import { describe, expect, test } from "vitest";
import type { PolicyContext } from "./policy-compliance.ts";
import { having, NO_CHANGE, program, REALM_SETS, rule, tcp } from "./policy-parties.ts";

const web = program("default/web", {
  ingress: { end: "deny", main: [[rule("rule/web", "allow", { services: [tcp(7080)] })]] },
});
const old = program("default/old", { ingress: { end: "deny" } });
const all = { ...NO_CHANGE, sets: REALM_SETS, programs: [web] };
const allowed = { protocol: "tcp", to: "10.20.0.5", port: 7080 } as const;
const denied = { ...allowed, port: 7081 };

/** What holds while no driver is there, and when it comes back. */
export function policyRestarts({ policy, driver, signal, place, restart, endpoints: { a, b } }: PolicyContext): void {
  const guarded = { ...a, policy: { program: web.id } };

  describe("after a restart", () => {
    test("everything is in force as before, connections and counts too, from the end of one run to the next one's", async () => {
      await policy().applyPolicy({ ...all, programs: [web, old] }, signal());
      const [, client] = [await place(guarded), await place(b)];
      await driver().synced(signal());
      const connection = await client.connect("10.20.0.5", 7080);
      const opened = async () => [
        await client.reaches(allowed),
        await client.reaches(denied),
        await connection.isAnswered(),
      ];
      expect(await opened()).toEqual([true, false, true]);
      const before = await counts();
      await driver().close();
      expect(await opened()).toEqual([true, false, true]);
      await restart();
      expect(await opened()).toEqual([true, false, true]);
      await policy().applyPolicy(all, signal());
      expect(await opened()).toEqual([true, false, true]);
      await driver().attach(guarded, signal());
      await driver().attach(b, signal());
      await driver().synced(signal());
      expect(await opened()).toEqual([true, false, true]);
      expect((await counts()).get("rule/web")).toBeGreaterThan(before.get("rule/web") ?? 0);
    });

    test("a policy that changed meanwhile is in force with the first change, also for what was connected", async () => {
      await policy().applyPolicy(all, signal());
      const [, client] = [await place(guarded), await place(b)];
      const connection = await client.connect("10.20.0.5", 7080);
      await restart();
      const shut = { ...old, id: web.id };
      await policy().applyPolicy({ ...all, programs: [shut] }, signal());
      await driver().attach(guarded, signal());
      expect([await client.reaches(allowed), await connection.isAnswered()]).toEqual([false, false]);
      await policy().applyPolicy({ ...NO_CHANGE, programs: [web], endpoints: [having("a", web.id)] }, signal());
      expect(await client.reaches(allowed)).toBe(true);
    });
  });

  async function counts(): Promise<ReadonlyMap<string, number>> {
    return new Map((await policy().ruleCounters(signal())).map(({ rule, packets }) => [rule, packets]));
  }
}
