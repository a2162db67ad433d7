import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatapathDriver, EndpointWiring } from "../../src/driver.ts";
import { routed, TENANTS_NETWORKS, wiring } from "../../src/testing/parties.ts";
import { from, NO_CHANGE, prefixSet, program, REALM_SETS, rule, tcp } from "../../src/testing/policy-parties.ts";
import { SandboxParty } from "../policy-party.ts";
import { Machine } from "./machine.ts";

const CLIENTS = "group/default/clients/v4";
const web = program("default/web", {
  ingress: { end: "deny", main: [[rule("rule/web", "allow", { remote: from(CLIENTS), services: [tcp(7080)] })]] },
});
const staged = program("default/staged", { ingress: { end: "deny" } });
const allowed = { protocol: "tcp", to: "10.20.0.5", port: 7080 } as const;
const denied = { ...allowed, port: 7081 };

describe("rules that somebody takes away while the driver is there", () => {
  const undo = new AsyncDisposableStack();
  const signal = AbortSignal.timeout(55_000);
  let machine: Machine;
  let driver: DatapathDriver;
  let client: SandboxParty;
  let before: string;

  /** Without counts, and without what may stand in another order. */
  const rules = async (): Promise<readonly string[]> =>
    (await machine.rules())
      .split("\n")
      .map((line) => line.trim())
      .toSorted();

  beforeAll(async () => {
    machine = undo.use(await Machine.start());
    driver = await machine.open();
    undo.defer(() => driver.close());
    driver.setNetwork(routed(TENANTS_NETWORKS.first));
    await driver.synced(signal);
    const sets = [...REALM_SETS, prefixSet(CLIENTS, ["10.20.0.6/32"])];
    await driver.policy?.applyPolicy({ ...NO_CHANGE, sets, programs: [web, staged] }, signal);
    const place = async (endpoint: EndpointWiring): Promise<SandboxParty> => {
      const sandbox = await machine.plug(await driver.attach(endpoint, signal), endpoint.addresses);
      return undo.use(await SandboxParty.start(sandbox.path, 200));
    };
    await place(wiring("a", "n7", ["10.20.0.5"], { policy: { program: web.id, staged: staged.id } }));
    client = await place(wiring("b", "n7", ["10.20.0.6"]));
    before = (await rules()).join("\n");
  });
  afterAll(() => undo.disposeAsync());

  test.each([
    ["all tables", "flush ruleset"],
    ["the table of policies", "delete table inet holdfast_policy"],
    ["all rules of the table", "flush table inet holdfast_policy"],
    ["the rules of one chain", "flush chain inet holdfast_policy ingress"],
    ["who has which program", "flush map inet holdfast_policy enforced_ingress"],
    ["the members of a set", `flush set inet holdfast_policy ${CLIENTS}/addresses`],
    ["whose MACs are whose", "flush set inet holdfast_guard macs"],
    ["the guard against forged sources", "delete table inet holdfast_guard"],
  ])("come back: %s", async (_, command) => {
    const kept = await client.connect("10.20.0.5", 7080);
    await machine.sandbox.exec("nft", command);
    await expect.poll(async () => (await rules()).join("\n"), { timeout: 5000, interval: 20 }).toBe(before);
    expect([await client.reaches(denied), await client.reaches(allowed), await kept.isAnswered()]).toEqual([
      false,
      true,
      true,
    ]);
    await expect.poll(() => driver.status(), { timeout: 5000 }).toEqual([]);
  });

  test("have what was begun meanwhile and is denied cut", async () => {
    await machine.sandbox.exec("nft", "flush ruleset");
    const begun: { isAnswered(): Promise<boolean> }[] = [];
    while (begun.length < 50) {
      try {
        begun.push(await client.connect("10.20.0.5", 7081));
      } catch {
        break;
      }
    }
    await expect.poll(async () => (await rules()).join("\n"), { timeout: 5000 }).toBe(before);
    for (const connection of begun) expect(await connection.isAnswered()).toBe(false);
    expect(await client.reaches(denied)).toBe(false);
  });

  test("may be changed by the driver itself as before", async () => {
    const edited = program("default/web", {
      ingress: { end: "deny", main: [[rule("rule/web", "allow", { services: [tcp(7080, 7082)] })]] },
    });
    await driver.policy?.applyPolicy({ ...NO_CHANGE, programs: [edited] }, signal);
    const now = await machine.rules();
    await driver.policy?.applyPolicy({ ...NO_CHANGE, programs: [edited] }, signal);
    expect(await machine.rules()).toBe(now);
    expect(await client.reaches({ ...allowed, port: 7082 })).toBe(true);
    await expect.poll(() => driver.status(), { timeout: 5000 }).toEqual([]);
  });
});
