import { IpAddress, MacAddress } from "@holdfast/core";
import { FakeSwitch } from "@holdfast/openflow/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { FlowPlan, type LocalMember, type RemoteMember } from "./flow-plan.ts";
import type { FlowRow } from "./flow-row.ts";
import type { NetworkParty } from "./pipeline/parties.ts";
import { createFlowOperations } from "./tables/flows.ts";

const signal = new AbortController().signal;
const VLAN: NetworkParty = { number: 7, reach: { kind: "vlan", vlan: 100 } };
const VXLAN: NetworkParty = { number: 8, reach: { kind: "vxlan", vni: 4711 } };
const TWIN: NetworkParty = { number: 9, reach: { kind: "vxlan", vni: 4712 } };

function local(id: string, network: number, addresses: readonly string[], port: number): LocalMember {
  const parsed = addresses.map(IpAddress.parse);
  const mac = MacAddress.ofAddress(parsed[0] ?? IpAddress.parse("::"), network);
  return { id, network, epoch: 1, port, mac, addresses: parsed, row: { table: "links", key: `hfp${port}` } };
}

function remote(id: string, network: number, address: string, node: string): RemoteMember {
  const parsed = IpAddress.parse(address);
  const mac = MacAddress.ofAddress(parsed, network);
  return { id, network, epoch: 1, mac, addresses: [parsed], tunnelAddress: IpAddress.parse(node) };
}

/** Rows as a table would keep them, and a switch that they are put into. */
class Bench {
  readonly rows = new Map<string, FlowRow>();
  readonly changed: string[] = [];
  readonly plan: FlowPlan;
  readonly #connection = new FakeSwitch();
  readonly #operations = createFlowOperations(this.#connection);

  constructor() {
    this.plan = new FlowPlan({
      set: (row) => {
        if (this.rows.get(row.key)?.text === row.text) return;
        this.rows.set(row.key, row);
        this.changed.push(row.key);
      },
      delete: (key) => {
        if (this.rows.delete(key)) this.changed.push(key);
      },
    });
  }

  /** What `ovs-ofctl dump-flows --no-stats` would print, without cookies. */
  async print(only: (line: string) => boolean = () => true): Promise<string> {
    // Flows to many nodes are planned once a turn.
    await Promise.resolve();
    await this.#operations.update([...this.rows.values()], signal);
    await this.#operations.prune([...this.rows.values()], signal);
    const lines = String(this.#connection)
      .replaceAll(/cookie=0x[0-9a-f]+, /g, "")
      .split("\n");
    return `${lines.filter(only).join("\n")}\n`;
  }
}

describe("the flows of the integration bridge", () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });

  test("without any network let nothing pass", async () => {
    await expect(await bench.print()).toMatchFileSnapshot("testdata/nothing.golden");
  });

  test("of an endpoint in a VLAN", async () => {
    bench.plan.setNetwork(VLAN);
    bench.plan.setLocal(local("a", 7, ["10.20.0.5", "fd00:20::5"], 1000));
    await expect(await bench.print()).toMatchFileSnapshot("testdata/vlan-endpoint.golden");
  });

  test("of an endpoint with limits have them before anything else, whichever flow comes first", async () => {
    bench.plan.setNetwork(VLAN);
    const a = local("a", 7, ["10.20.0.5", "fd00:20::5"], 1000);
    bench.plan.setLocal(a);
    const before = [...bench.rows.values()].map(({ text }) => text);
    bench.plan.setLocal({ ...a, meters: [66_536, 1000], dscp: 10 });
    const changed = [...bench.rows.values()].map(({ text }) => text).filter((text) => !before.includes(text));
    expect(changed.map((text) => text.replaceAll(/cookie=0x[0-9a-f]+, /g, "")).toSorted()).toEqual([
      "priority=100,in_port=1000,vlan_tci=0x0000/0x1fff actions=meter:66536,set_field:0x7->reg0,set_field:0x1->reg1,resubmit(,5)",
      "table=10, priority=100,ip,in_port=1000,dl_src=02:07:0a:14:00:05,nw_src=10.20.0.5 actions=set_field:10->ip_dscp,resubmit(,30)",
      "table=10, priority=100,ipv6,in_port=1000,dl_src=02:07:0a:14:00:05,ipv6_src=fd00:20::5 actions=set_field:10->ip_dscp,resubmit(,11)",
      "table=10, priority=100,ipv6,in_port=1000,dl_src=02:07:0a:14:00:05,ipv6_src=fe80::7:aff:fe14:5 actions=set_field:10->ip_dscp,resubmit(,11)",
      "table=5, priority=100,in_port=1000 actions=meter:1000,resubmit(,10)",
    ]);
    bench.plan.setLocal({ ...a, meters: [1000] });
    expect([...bench.rows.values()].map(({ text }) => text).join("\n")).toMatch(
      /in_port=1000,vlan_tci=0x0000\/0x1fff actions=meter:1000,.*resubmit\(,10\)$/m,
    );
  });

  test("of a VXLAN network with remotes on two nodes", async () => {
    bench.plan.setNetwork(VXLAN);
    bench.plan.setLocal(local("a", 8, ["10.30.0.5"], 1000));
    bench.plan.setRemote(remote("r1", 8, "10.30.0.6", "192.168.50.12"));
    bench.plan.setRemote(remote("r2", 8, "10.30.0.7", "192.168.50.12"));
    bench.plan.setRemote(remote("r3", 8, "fd00:30::8", "192.168.50.13"));
    await expect(await bench.print()).toMatchFileSnapshot("testdata/vxlan-with-remotes.golden");
  });

  test("of two tenants with the same CIDR differ in their network register only", async () => {
    for (const network of [VXLAN, TWIN]) bench.plan.setNetwork(network);
    bench.plan.setLocal(local("a", 8, ["10.30.0.5"], 1000));
    bench.plan.setLocal(local("b", 9, ["10.30.0.5"], 1001));
    const own = (register: string) => bench.print((line) => line.includes(`reg0=${register}`) && !/in_port/.test(line));
    const [first, second] = [await own("0x8"), await own("0x9")];
    expect(first).not.toBe(second);
    const renamed = second.replaceAll("0x9", "0x8").replaceAll("02:09:", "02:08:").replaceAll("1001", "1000");
    expect(renamed.replaceAll("4712", "4711")).toBe(first);
    await expect(await bench.print()).toMatchFileSnapshot("testdata/two-tenants-same-cidr.golden");
  });

  test("are the same whatever the order in which they are told", async () => {
    const steps = [
      (plan: FlowPlan) => plan.setNetwork(VXLAN),
      (plan: FlowPlan) => void plan.setLocal(local("a", 8, ["10.30.0.5"], 1000)),
      (plan: FlowPlan) => plan.setRemote(remote("r", 8, "10.30.0.6", "192.168.50.12")),
      (plan: FlowPlan) => plan.setGateway({ ...local("g", 8, ["10.30.0.1"], 1900), network: 8 }),
    ];
    const texts = await Promise.all(
      [steps, steps.toReversed(), [...steps.slice(2), ...steps.slice(0, 2)]].map(async (order) => {
        const fresh = new Bench();
        for (const step of order) step(fresh.plan);
        return await fresh.print();
      }),
    );
    expect(new Set(texts).size).toBe(1);
  });

  test("for one more endpoint are as many as ever, however many there are", () => {
    bench.plan.setNetwork(VLAN);
    const counts = Array.from({ length: 100 }, (_, index) => {
      bench.changed.length = 0;
      bench.plan.setLocal(local(`e${index}`, 7, [`10.20.1.${index}`], 1000 + index));
      return bench.changed.length;
    });
    expect(new Set(counts)).toEqual(new Set([counts[0]]));
    bench.changed.length = 0;
    bench.plan.removeLocal("e50");
    expect(bench.changed.length).toBe(counts[0]);
  });

  test("for one more remote of a known node leave the flood flow alone", async () => {
    bench.plan.setNetwork(VXLAN);
    bench.plan.setRemote(remote("r1", 8, "10.30.0.6", "192.168.50.12"));
    await Promise.resolve();
    bench.changed.length = 0;
    bench.plan.setRemote(remote("r2", 8, "10.30.0.7", "192.168.50.12"));
    await Promise.resolve();
    expect(bench.changed).toHaveLength(2);
    expect(bench.changed.join()).not.toContain("table=50");
  });

  test("follow an endpoint that arrives from another node, and that leaves again", async () => {
    const towards = () =>
      bench.print((line) => line.startsWith("table=30") && line.includes("dl_dst=02:08:0a:1e:00:05"));
    bench.plan.setNetwork(VXLAN);
    bench.plan.setRemote(remote("a", 8, "10.30.0.5", "192.168.50.12"));
    expect(await towards()).toContain("192.168.50.12->tun_dst,output:2");
    bench.plan.setLocal({ ...local("b", 8, ["10.30.0.5"], 1000), epoch: 2 });
    expect(await towards()).toContain("actions=output:1000");
    bench.plan.setRemote({ ...remote("c", 8, "10.30.0.5", "192.168.50.13"), epoch: 3 });
    expect(await towards()).toContain("192.168.50.13->tun_dst,output:2");
    bench.plan.removeLocal("b");
    bench.plan.removeRemote("a");
    bench.plan.removeRemote("c");
    expect(await towards()).toBe("\n");
  });

  test("leave nothing when all is removed", async () => {
    const empty = await bench.print();
    bench.plan.setNetwork(VXLAN);
    bench.plan.setLocal(local("a", 8, ["10.30.0.5", "fd00:30::5"], 1000));
    bench.plan.setRemote(remote("r", 8, "10.30.0.6", "192.168.50.12"));
    bench.plan.removeNetwork(8);
    expect(await bench.print()).toBe(empty);
    bench.plan.removeLocal("a");
    bench.plan.removeRemote("r");
    expect(await bench.print()).toBe(empty);
  });

  test("for many, inherited from an earlier run, stay until the desired state is complete", async () => {
    const flood = () => bench.print((line) => line.startsWith("table=40") || line.startsWith("table=50"));
    const earlier = new Bench();
    earlier.plan.setNetwork(VXLAN);
    for (const [index, id] of ["a", "b", "c"].entries()) {
      earlier.plan.setLocal(local(id, 8, [`10.30.0.${index + 5}`], 1000 + index));
    }
    earlier.plan.setRemote(remote("r", 8, "10.30.0.9", "192.168.50.12"));
    await Promise.resolve();
    bench.plan.inherit([...earlier.rows.values()].map((row) => row.flow));
    bench.plan.setNetwork(VXLAN);
    bench.plan.setLocal(local("b", 8, ["10.30.0.6"], 1001));
    expect(await flood()).toContain("actions=output:1000,output:1001,output:1002");
    expect(await flood()).toContain("192.168.50.12->tun_dst");
    bench.plan.complete();
    expect(await flood()).toBe("table=40, priority=100,reg0=0x8 actions=output:1001\n");
  });

  test("for very many nodes go on over several pages", async () => {
    bench.plan.setNetwork(VXLAN);
    for (let node = 0; node < 2100; node++) {
      const address = `10.30.${node >> 8}.${node & 255}`;
      bench.plan.setRemote(remote(`r${node}`, 8, address, `192.168.${node >> 8}.${node & 255}`));
    }
    const lines = (await bench.print((line) => line.startsWith("table=50"))).trim().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines.flatMap((line) => line.match(/output:2/g) ?? [])).toHaveLength(2100);
  });
});
