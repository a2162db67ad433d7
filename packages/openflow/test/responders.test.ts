import { IpAddress, MacAddress } from "@holdfast/core";
import { deleteNamespace } from "@holdfast/netlink";
import { createTestNamespace, type TestNamespace } from "@holdfast/netlink/testing";
import {
  arpRequest,
  arpResponder,
  type Flow,
  type Match,
  neighborSolicitation,
  type OpenFlowSwitch,
} from "@holdfast/openflow";
import { type RunningOvs, startOvs } from "@holdfast/ovsdb/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { connectToBridge } from "./bridge.ts";

const signal = new AbortController().signal;
const absent = MacAddress.parse("02:00:00:00:00:99");
const v4 = IpAddress.parse("10.9.0.99");
const v6 = IpAddress.parse("fd09::99");

describe("answers made by flows, asked by a real kernel", () => {
  let ovs: RunningOvs;
  let container: TestNamespace;
  let openFlow: OpenFlowSwitch;
  /** Packets that each flow has seen, by its cookie. */
  const packets = async (cookie: bigint): Promise<bigint> =>
    (await openFlow.dump({ cookie, mask: -1n & 0xffff_ffff_ffff_ffffn })).reduce((sum, flow) => sum + flow.packets, 0n);
  const flow = (cookie: bigint, match: Match, actions: Flow["actions"]): Flow => ({
    table: 0,
    priority: 100,
    cookie,
    match,
    actions,
  });
  const inContainer = (...command: string[]): Promise<string> =>
    ovs.exec("ip", "netns", "exec", container.name, ...command);

  beforeAll(async () => {
    ovs = await startOvs();
    container = await createTestNamespace();
    openFlow = await connectToBridge(ovs, { signal });
    await ovs.exec("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "eth0", "netns", container.name);
    await inContainer("ethtool", "-K", "eth0", "tx", "off").catch(() => "");
    await inContainer("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0");
    await inContainer("ip", "link", "set", "eth0", "address", "02:00:00:00:00:01", "up");
    await inContainer("ip", "address", "add", "10.9.0.1/24", "dev", "eth0");
    await inContainer("ip", "address", "add", "fd09::1/64", "dev", "eth0", "nodad");
    await ovs.exec("ip", "link", "set", "veth0", "up");
    await ovs.exec("ovs-vsctl", "add-port", "br0", "veth0", "--", "set", "interface", "veth0", "ofport_request=1");
  });
  beforeEach(async () => {
    await openFlow.apply({ add: [], remove: (await openFlow.dump()).map((observed) => observed.flow) }, signal);
    await inContainer("ip", "neighbour", "flush", "dev", "eth0");
  });
  afterAll(async () => {
    await openFlow.close();
    await deleteNamespace(container.path);
    await ovs.stop();
  });

  test("an ARP request is answered, and the packet that asked for it goes to the right MAC", async () => {
    await openFlow.apply(
      {
        add: [
          flow(1n, arpRequest(v4), arpResponder(v4, absent)),
          flow(2n, { ethType: 0x0800, ipDst: v4, ethDst: absent }, []),
        ],
        remove: [],
      },
      signal,
    );
    await inContainer("ping", "-c1", "-W1", v4).catch(() => "nobody answers the ping itself");
    expect(await inContainer("ip", "neighbour", "show", v4)).toContain(`lladdr ${absent} `);
    expect(await packets(1n)).toBe(1n);
    expect(await packets(2n)).toBe(1n);
  });

  test("a neighbour solicitation is known by its target, and duplicate address detection is one", async () => {
    const seen = () => packets(1n);
    await openFlow.apply({ add: [flow(1n, neighborSolicitation(v6), [])], remove: [] }, signal);
    await inContainer("ping", "-6", "-c1", "-W1", "fd09::98").catch(() => "nobody answers");
    expect(await seen()).toBe(0n);
    await inContainer("ping", "-6", "-c1", "-W1", v6).catch(() => "nobody answers");
    await expect.poll(seen, { timeout: 5000 }).toBeGreaterThan(0n);
    await inContainer("ip", "neighbour", "flush", "dev", "eth0");
    const before = await seen();
    await inContainer("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=1");
    await inContainer("ip", "address", "add", `${v6}/64`, "dev", "eth0");
    await expect.poll(seen, { timeout: 5000 }).toBeGreaterThan(before);
    await inContainer("ip", "address", "del", `${v6}/64`, "dev", "eth0");
    await inContainer("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0");
  });
});
