import { systemClock } from "@holdfast/core";
import { createSwitchControl } from "@holdfast/ovsdb";
import { createChance } from "@holdfast/policy/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { network, wiring } from "../src/testing/parties.ts";
import { NO_CHANGE, program, REALM_SETS } from "../src/testing/policy-parties.ts";
import { Host } from "./fabric.ts";

const SEED = Number(process.env.HOLDFAST_SEED ?? 7);
const PROBES = Number(process.env.HOLDFAST_PROBES ?? 10_000);
const TENANTS = ["default", "rival"];
const LAST = [5, 6, 7];

/** Two tenants with the same addresses and programs that allow everything, on one machine. */
describe("tenants with the same addresses", () => {
  const undo = new AsyncDisposableStack();
  const signal = AbortSignal.timeout(80_000);
  /** By tenant. */
  const ports = TENANTS.map((): number[] => []);
  let trace: (flow: string) => Promise<string>;

  const endpointOf = (tenant: number, last: number) => {
    const made = wiring(`${tenant}-${last}`, `n${8 + tenant}`, [`10.30.0.${last}`]);
    return { ...made, policy: { program: "default/open" } };
  };

  beforeAll(async () => {
    const host = undo.use(await Host.start());
    await host.kernel.createVeth({ name: "eth1", peer: "eth1x", mtu: 9100 });
    const driver = await host.open({ uplink: "eth1", tunnelAddress: "192.168.50.11/24" });
    undo.defer(() => driver.close());
    for (const [index, tenant] of TENANTS.entries()) {
      driver.setNetwork(network(`n${8 + index}`, "vxlan", 4711 + index, { tenant, prefixes: ["10.30.0.0/24"] }));
    }
    await driver.synced(signal);
    // Overlays are not in the company's address space.
    const sets = REALM_SETS.map((set) => ({ ...set, members: [] }));
    const change = { ...NO_CHANGE, sets, programs: [program("default/open", {})] };
    await driver.policy?.applyPolicy(change, signal);
    for (const [index, own] of ports.entries()) {
      for (const last of LAST) {
        const { hostInterface } = await driver.attach(endpointOf(index, last), signal);
        own.push(Number(hostInterface.slice(3)));
      }
    }
    const control = createSwitchControl({ clock: systemClock }, host.ovs.rundir);
    const twice = ["--ct-next", "trk,new", "--ct-next", "trk,new"];
    trace = (flow) => control.ask("ofproto/trace", ["hf-int", flow, ...twice], signal);
  });
  afterAll(() => undo.disposeAsync());

  test("reach their own and never each other's, whatever they send", async () => {
    const chance = createChance(SEED);
    let within = 0;
    for (let probe = 0; probe < PROBES; probe++) {
      const tenant = chance.number(TENANTS.length);
      const index = chance.number(LAST.length);
      const source = endpointOf(tenant, LAST[index] ?? 0);
      const target = endpointOf(chance.number(TENANTS.length), chance.pick(LAST));
      const to = chance.oneIn(8) ? "ff:ff:ff:ff:ff:ff" : target.mac;
      const what = chance.pick([
        "icmp,icmp_type=8,icmp_code=0",
        `udp,udp_dst=${chance.number(65_536)}`,
        "tcp,tcp_flags=syn",
      ]);
      const flow = `in_port=${ports[tenant]?.[index]},dl_src=${source.mac},dl_dst=${to},${what},nw_src=${source.addresses[0]},nw_dst=${target.addresses[0]}`;
      const text = await trace(flow);
      const reached = [...text.matchAll(/output port is (\d+)/g)].map(([, port]) => Number(port));
      const others = ports[1 - tenant] ?? [];
      expect({ flow, crossed: reached.filter((port) => others.includes(port)) }).toEqual({ flow, crossed: [] });
      within += reached.length;
    }
    expect(within).toBeGreaterThan(PROBES / 4);
  });
});
