import { Cidr } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import type { PolicyContext } from "./policy-compliance.ts";
import { from, having, NO_CHANGE, prefixSet, program, REALM_SETS, rule, tcp, udp } from "./policy-parties.ts";

const CLIENTS = "group/default/clients/v4";
const closed = { end: "deny" } as const;
const web = program("default/web", {
  ingress: { ...closed, main: [[rule("rule/web", "allow", { remote: from(CLIENTS), services: [tcp(7080)] })]] },
});
const shut = program("default/shut", { ingress: closed });
const open = program("default/open", {});
const change = { ...NO_CHANGE, sets: [...REALM_SETS, prefixSet(CLIENTS, ["10.20.0.6/32"])] };
const toWeb = { protocol: "tcp", to: "10.20.0.5", port: 7080 } as const;

/** What becomes of packets. */
export function policyEnforcement({
  traits,
  policy,
  driver,
  signal,
  place,
  endpoints: { a, b, c },
}: PolicyContext): void {
  describe("an endpoint with a policy", () => {
    test("is reached by whom it allows and as it allows, and gets its answers", async () => {
      await policy().applyPolicy({ ...change, programs: [web] }, signal());
      const [server, client] = [await place({ ...a, policy: { program: web.id } }), await place(b)];
      expect(await client.reaches(toWeb)).toBe(true);
      expect(await client.reaches({ ...toWeb, port: 7081 })).toBe(false);
      expect(await client.reaches({ ...toWeb, protocol: "udp" })).toBe(false);
      expect(await client.reaches({ protocol: "icmp", to: "10.20.0.5" })).toBe(false);
      expect(await client.reaches({ ...toWeb, to: "fd00:20::5" })).toBe(false);
      // What it begins itself.
      expect(await server.reaches({ ...toWeb, to: "10.20.0.6", port: 7081 })).toBe(true);
      expect(await server.reaches({ protocol: "icmp", to: "fd00:20::6" })).toBe(true);
      expect(await server.reaches({ protocol: "udp", to: "10.20.0.6", port: 7080 })).toBe(true);
    });

    test("hears of errors about what it has sent, though nobody may begin anything with it", async () => {
      await policy().applyPolicy({ ...change, programs: [shut] }, signal());
      const [speaker, other] = [await place({ ...a, policy: { program: shut.id } }), await place(b)];
      expect(await other.reaches({ protocol: "icmp", to: "10.20.0.5" })).toBe(false);
      expect(await speaker.isRefused("10.20.0.6", 7099)).toBe(true);
      expect(await speaker.isRefused("fd00:20::6", 7099)).toBe(true);
    });

    test("does not reach what its own policy denies", async () => {
      const quiet = program("default/quiet", {
        egress: { main: [[rule("rule/dns", "deny", { services: [udp(7080)] })]] },
      });
      await policy().applyPolicy({ ...change, programs: [quiet] }, signal());
      const [client] = [await place({ ...a, policy: { program: quiet.id } }), await place(b)];
      expect(await client.reaches({ protocol: "udp", to: "10.20.0.6", port: 7080 })).toBe(false);
      expect(await client.reaches({ protocol: "udp", to: "fd00:20::6", port: 7080 })).toBe(false);
      expect(await client.reaches({ protocol: "udp", to: "10.20.0.6", port: 7081 })).toBe(true);
    });

    test("cannot get out, nor be reached, by what says that it is neighbour discovery and leaves the link", async () => {
      const closed = program("default/closed", { ingress: { end: "deny" }, egress: { end: "deny" } });
      const [one, other] = [await place(a), await place(b)];
      const heard = async (type: number) => {
        const [there, here] = [await other.listens(type), await one.listens(type)];
        await one.tells("fd00:20::6", type);
        await other.tells("fd00:20::5", type);
        return [await there(), await here()];
      };
      // The first messages may wait for their neighbour.
      expect(await heard(130)).toEqual([expect.toBeOneOf([1, 2]), expect.toBeOneOf([1, 2])]);
      await policy().applyPolicy({ ...change, programs: [closed], endpoints: [having("a", closed.id)] }, signal());
      await driver().attach({ ...a, policy: { program: closed.id } }, signal());
      for (const type of [131, 133, 143]) expect(await heard(type)).toEqual([0, 0]);
    });

    test("is not reached on a denied port by a datagram in fragments", async () => {
      const deny = program("default/deny", {
        ingress: { main: [[rule("rule/7080", "deny", { services: [udp(7080)] })]] },
      });
      await policy().applyPolicy({ ...change, programs: [deny] }, signal());
      const [, client] = [await place({ ...a, policy: { program: deny.id } }), await place(b)];
      for (const to of ["10.20.0.5", "fd00:20::5"]) {
        const datagram = { protocol: "udp", to, bytes: 20_000 } as const;
        expect(await client.reaches({ ...datagram, port: 7081 })).toBe(true);
        expect(await client.reaches({ ...datagram, port: 7080 })).toBe(false);
      }
    });

    test("follows changes of sets, programs and its own at once", async () => {
      await policy().applyPolicy({ ...change, programs: [web, shut] }, signal());
      const [, client] = [await place({ ...a, policy: { program: web.id } }), await place(b)];
      const member = [Cidr.parse("10.20.0.6/32")];
      const edit = (add: readonly Cidr[], remove: readonly Cidr[]) =>
        policy().applyPolicy({ ...NO_CHANGE, setEdits: [{ id: CLIENTS, add, remove }] }, signal());
      await edit([], member);
      expect(await client.reaches(toWeb)).toBe(false);
      await edit([Cidr.parse("10.20.0.4/30")], []);
      expect(await client.reaches(toWeb)).toBe(true);
      await policy().applyPolicy({ ...NO_CHANGE, endpoints: [having("a", shut.id)] }, signal());
      expect(await client.reaches(toWeb)).toBe(false);
      const opened = { ...open, id: shut.id };
      await policy().applyPolicy({ ...NO_CHANGE, programs: [opened] }, signal());
      expect(await client.reaches({ ...toWeb, port: 7081 })).toBe(true);
    });

    test("has established connections cut that are denied now, in both directions, and no others", async () => {
      await policy().applyPolicy({ ...change, programs: [web, open] }, signal());
      const [, client] = [await place({ ...a, policy: { program: open.id } }), await place(b)];
      const kept = await client.connect("10.20.0.5", 7080);
      const cut = await client.connect("10.20.0.5", 7081);
      expect([await kept.isAnswered(), await cut.isAnswered()]).toEqual([true, true]);
      await policy().applyPolicy({ ...NO_CHANGE, endpoints: [having("a", web.id)] }, signal());
      expect([await kept.isAnswered(), await cut.isAnswered()]).toEqual([true, false]);
      const edit = { id: CLIENTS, add: [], remove: [Cidr.parse("10.20.0.6/32")] };
      await policy().applyPolicy({ ...NO_CHANGE, setEdits: [edit] }, signal());
      expect(await kept.isAnswered()).toBe(false);
      await policy().applyPolicy({ ...NO_CHANGE, endpoints: [having("a", open.id)] }, signal());
      expect(await client.reaches(toWeb)).toBe(true);
    });

    test("has echoes that go on stopped when they are denied now, in both families", async () => {
      await policy().applyPolicy({ ...change, programs: [web, open] }, signal());
      const [, client] = [await place({ ...a, policy: { program: open.id } }), await place(b)];
      const echoes = [await client.echo("10.20.0.5"), await client.echo("fd00:20::5")];
      const answered = () => Promise.all(echoes.map((echo) => echo.isAnswered()));
      await expect.poll(answered, { timeout: 5000 }).toEqual([true, true]);
      await policy().applyPolicy({ ...NO_CHANGE, endpoints: [having("a", web.id)] }, signal());
      expect(await answered()).toEqual([false, false]);
      await policy().applyPolicy({ ...NO_CHANGE, endpoints: [having("a", open.id)] }, signal());
      expect(await answered()).toEqual([true, true]);
      expect(await client.reaches(toWeb)).toBe(true);
    });

    test("may get it while it runs: what that denies is cut, whoever speaks first, and what it allows goes on", async () => {
      const all = program("default/all", {
        ingress: { main: [[rule("rule/7080", "allow", { services: [tcp(7080)] })]], ...closed },
      });
      const [server, client] = [await place(a), await place(b)];
      const begin = (port: number) => client.connect("10.20.0.5", port);
      const kept = [await begin(7080), await begin(7080)] as const;
      const cut = [await begin(7081), await begin(7082)] as const;
      expect(await Promise.all([...kept, ...cut].map((each) => each.isAnswered()))).toEqual([true, true, true, true]);
      await policy().applyPolicy({ ...change, programs: [all], endpoints: [having("a", all.id)] }, signal());
      await driver().attach({ ...a, policy: { program: all.id } }, signal());
      const heard = Promise.all([kept[0].hears(), cut[0].hears()]);
      await Promise.all([server.speak(7080), server.speak(7081)]);
      expect(await heard).toEqual([true, false]);
      expect(await Promise.all([...kept, ...cut].map((each) => each.isAnswered()))).toEqual([true, true, false, false]);
      expect(await client.reaches(toWeb)).toBe(true);
      expect(await client.reaches({ ...toWeb, port: 7081 })).toBe(false);
    });

    test("counts by rule, also what it would be with a staged policy, which decides nothing", async () => {
      await policy().applyPolicy({ ...change, programs: [web, shut] }, signal());
      const [, client] = [await place({ ...a, policy: { program: web.id, staged: shut.id } }), await place(b)];
      expect(await client.reaches(toWeb)).toBe(true);
      expect(await client.reaches({ ...toWeb, port: 7081 })).toBe(false);
      const packets = async () =>
        new Map(
          (await policy().ruleCounters(signal())).map(({ program, rule, packets }) => [`${program} ${rule}`, packets]),
        );
      const first = await packets();
      expect(first.get("default/web rule/web")).toBe(1);
      expect(first.get("default/web default/default/web/ingress")).toBeGreaterThanOrEqual(1);
      expect(first.get("default/shut default/default/shut/ingress")).toBeGreaterThanOrEqual(2);
      const more = [rule("rule/more", "allow", { services: [udp(7080)] })];
      const next = program(web.id, {
        ingress: {
          ...closed,
          main: [[rule("rule/web", "allow", { remote: from(CLIENTS), services: [tcp(7080, 7082)] }), ...more]],
        },
      });
      await policy().applyPolicy({ ...NO_CHANGE, programs: [next] }, signal());
      expect((await packets()).get("default/web rule/web")).toBe(1);
    });

    // Others are networks of their own, with a router of somebody else's between them.
    test.runIf(traits.networks.first.kind === "routed")(
      "reaches another tenant by contract of both alone",
      async () => {
        const to = { protocol: "tcp", to: "10.30.0.5", port: 7080 } as const;
        const giving = program("default/giving", {
          egress: { foreign: [[rule("rule/out", "allow", { remote: from("10.30.0.0/16") })]] },
        });
        const taking = program("rival/taking", {
          ingress: { foreign: [[rule("rule/in", "allow", { remote: from("10.20.0.0/16"), services: [tcp(7080)] })]] },
        });
        const own = { own: "tenant/rival/v4", platform: "platform/v4" };
        const rival = {
          ...taking,
          v4: { ingress: { ...taking.v4.ingress, realms: own }, egress: { ...taking.v4.egress, realms: own } },
        };
        const sets = [...change.sets, prefixSet(own.own, ["10.30.0.0/16"])];
        await policy().applyPolicy({ ...NO_CHANGE, sets, programs: [giving, rival, open] }, signal());
        const one = await place({ ...a, policy: { program: open.id } });
        await place(c);
        expect(await one.reaches(to)).toBe(false);
        await policy().applyPolicy({ ...NO_CHANGE, endpoints: [having("a", giving.id)] }, signal());
        // The other one has not consented: without a policy, its tenant is kept apart.
        expect(await one.reaches(to)).toBe(false);
        await driver().attach({ ...c, policy: { program: rival.id } }, signal());
        expect(await one.reaches(to)).toBe(true);
        expect(await one.reaches({ ...to, port: 7081 })).toBe(false);
        await policy().applyPolicy({ ...NO_CHANGE, endpoints: [having("a", open.id)] }, signal());
        expect(await one.reaches(to)).toBe(false);
      },
    );
  });
}
