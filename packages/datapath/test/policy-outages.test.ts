import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatapathDriver, EndpointWiring } from "../src/driver.ts";
import { TENANTS_NETWORKS, wiring } from "../src/testing/parties.ts";
import { having, NO_CHANGE, program, REALM_SETS, rule, tcp } from "../src/testing/policy-parties.ts";
import { Host } from "./fabric.ts";
import { SandboxParty } from "./policy-party.ts";

const web = program("default/web", {
  ingress: { end: "deny", main: [[rule("rule/web", "allow", { services: [tcp(7080)] })]] },
});
const open = program("default/open", {});
const allowed = { protocol: "tcp", to: "10.20.0.5", port: 7080 } as const;
const denied = { ...allowed, port: 7081 };

describe("a policy of a running endpoint", () => {
  const undo = new AsyncDisposableStack();
  const signal = AbortSignal.timeout(55_000);
  let host: Host;
  let driver: DatapathDriver;
  let client: SandboxParty;
  let server: SandboxParty;

  beforeAll(async () => {
    host = undo.use(await Host.start());
    await host.kernel.createVeth({ name: "eth1", peer: "eth1x", mtu: 9100 });
    driver = await host.open({ uplink: "eth1" });
    undo.defer(() => driver.close());
    driver.setNetwork(TENANTS_NETWORKS.first);
    await driver.synced(signal);
    await driver.policy?.applyPolicy({ ...NO_CHANGE, sets: REALM_SETS, programs: [web] }, signal);
    const [a, b] = [wiring("a", "n7", ["10.20.0.5"]), wiring("b", "n7", ["10.20.0.6"])];
    const c = wiring("c", "n7", ["10.20.0.7"]);
    const plug = async (endpoint: EndpointWiring): Promise<SandboxParty> => {
      const attached = await driver.attach(endpoint, signal);
      const addresses = endpoint.addresses.map((address) => ({ address, length: 24 }));
      const sandbox = undo.use(await host.plug(attached, addresses));
      return undo.use(await SandboxParty.start(sandbox.path, 100));
    };
    server = await plug({ ...a, policy: { program: web.id } });
    client = await plug(b);
    await plug(c);
  });
  afterAll(() => undo.disposeAsync());

  test("lets nothing through that it denies when the switch is killed, and goes on with what it has allowed", async () => {
    const connection = await client.connect("10.20.0.5", 7080);
    expect(await connection.isAnswered()).toBe(true);
    let [tries, passed] = [0, 0];
    let trying = true;
    const prober = (async () => {
      for (; trying; tries++) if (await client.reaches(denied)) passed += 1;
    })();
    await host.ovs.restartSwitch("kill");
    await expect.poll(() => client.reaches(allowed), { timeout: 10_000 }).toBe(true);
    await expect.poll(() => connection.isAnswered(), { timeout: 10_000 }).toBe(true);
    trying = false;
    await prober;
    expect(tries).toBeGreaterThan(2);
    expect(passed).toBe(0);
    await expect.poll(() => driver.status(), { timeout: 5000 }).toEqual([]);
  });

  test("keeps what it has cut from coming back when the switch is killed, whoever speaks first", async () => {
    const policy = driver.policy;
    await policy?.applyPolicy({ ...NO_CHANGE, programs: [{ ...open, id: web.id }] }, signal);
    const [kept, cut] = [await client.connect("10.20.0.5", 7080), await client.connect("10.20.0.5", 7081)];
    await policy?.applyPolicy({ ...NO_CHANGE, programs: [web] }, signal);
    expect([await kept.isAnswered(), await cut.isAnswered()]).toEqual([true, false]);
    await host.ovs.restartSwitch("kill");
    let [heard, passed] = [false, false];
    const listener = (async () => {
      for (let tries = 0; tries < 100 && !heard; tries++) {
        const [one, other] = await Promise.all([kept.hears(), cut.hears(), server.speak(7080), server.speak(7081)]);
        [heard, passed] = [heard || one, passed || other];
      }
    })();
    await listener;
    expect([heard, passed, await cut.isAnswered(), await kept.isAnswered()]).toEqual([true, false, false, true]);
  });

  test("may be its first one, and goes on with what that allows", async () => {
    const [kept, cut] = [await client.connect("10.20.0.7", 7080), await client.connect("10.20.0.7", 7081)];
    expect([await kept.isAnswered(), await cut.isAnswered()]).toEqual([true, true]);
    await driver.policy?.applyPolicy({ ...NO_CHANGE, endpoints: [having("c", web.id)] }, signal);
    expect([await kept.isAnswered(), await cut.isAnswered()]).toEqual([true, false]);
    expect(await client.reaches({ ...denied, to: "10.20.0.7" })).toBe(false);
    expect(await client.reaches({ ...allowed, to: "10.20.0.7" })).toBe(true);
  });

  test("still cuts what it denies later", async () => {
    const connection = await client.connect("10.20.0.5", 7080);
    const shut = program("default/shut", { ingress: { end: "deny" } });
    await driver.policy?.applyPolicy({ ...NO_CHANGE, programs: [shut], endpoints: [having("a", shut.id)] }, signal);
    expect(await connection.isAnswered()).toBe(false);
    expect(await client.reaches(allowed)).toBe(false);
  });
});
