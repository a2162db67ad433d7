import { MacAddress } from "@holdfast/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { announcementFrames } from "../src/drivers/ovs/announcement.ts";
import { linkLocalOf } from "../src/drivers/ovs/pipeline/link-local.ts";
import { ip } from "../src/testing/parties.ts";
import { type Member, TwoHosts } from "./two-hosts.ts";

describe("what an endpoint may send, and who gets it", () => {
  let world: TwoHosts;
  let a: Member;
  let b: Member;
  let x: Member;
  let rival: Member;

  beforeAll(async () => {
    world = await TwoHosts.start();
    a = await world.place(0, "vlan-a", "n7", 5);
    b = await world.place(0, "vlan-b", "n7", 6);
    x = await world.place(0, "vxlan-a", "n8", 5);
    await world.place(1, "vxlan-b", "n8", 6);
    rival = await world.place(0, "rival-a", "n9", 5);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const portOf = (member: Member): number => Number(member.port.hostInterface.slice(3));

  /** What the switch would do with a frame: the datapath's own port numbers made OpenFlow's. */
  const trace = async (flow: string): Promise<string> => {
    const { ovs } = world.hosts[0];
    const text = await ovs.exec("ovs-appctl", "-t", `${ovs.rundir}/ovs-vswitchd.ctl`, "ofproto/trace", "hf-int", flow);
    return /Datapath actions: (.*)/.exec(text)?.[1] ?? text;
  };
  const dropped = async (member: Member): Promise<number> => {
    const line = (await world.hosts[0].flows())
      .split("\n")
      .find((text) => text.includes(`priority=20,arp,in_port=${portOf(member)},`));
    return Number(/n_packets=(\d+)/.exec(line ?? "")?.[1]);
  };

  describe("from an endpoint", () => {
    const mac = "dl_src=02:01:0a:14:00:05";
    const arp = `arp,${mac},dl_dst=ff:ff:ff:ff:ff:ff`;
    const own6 = () => linkLocalOf(a.wiring.mac);
    const solicitation = "icmp6,nw_ttl=255,icmpv6_type=135,icmpv6_code=0,dl_dst=33:33:ff:00:00:99";
    const advertisement = "icmp6,nw_ttl=255,icmpv6_type=136,icmpv6_code=0,dl_dst=33:33:00:00:00:01";
    test.each([
      { name: "IPv4 from its own address", flow: () => `ip,${mac},nw_src=10.20.0.5`, passes: true },
      { name: "IPv4 from a neighbour's address", flow: () => `ip,${mac},nw_src=10.20.0.6`, passes: false },
      { name: "IPv4 from another MAC", flow: () => "ip,dl_src=02:01:0a:14:00:06,nw_src=10.20.0.5", passes: false },
      { name: "IPv4 from no address", flow: () => `ip,${mac},nw_src=0.0.0.0`, passes: false },
      {
        name: "ARP about itself",
        flow: () => `${arp},arp_sha=02:01:0a:14:00:05,arp_spa=10.20.0.5,arp_op=1`,
        passes: true,
      },
      { name: "an ARP probe", flow: () => `${arp},arp_sha=02:01:0a:14:00:05,arp_spa=0.0.0.0,arp_op=1`, passes: true },
      {
        name: "ARP with a neighbour's address",
        flow: () => `${arp},arp_sha=02:01:0a:14:00:05,arp_spa=10.20.0.6,arp_op=2`,
        passes: false,
      },
      {
        name: "ARP with another MAC inside",
        flow: () => `${arp},arp_sha=02:01:0a:14:00:06,arp_spa=10.20.0.5,arp_op=2`,
        passes: false,
      },
      { name: "IPv6 from its own address", flow: () => `ipv6,${mac},ipv6_src=fd00:20::5`, passes: true },
      { name: "IPv6 from its link-local address", flow: () => `ipv6,${mac},ipv6_src=${own6()}`, passes: true },
      { name: "IPv6 from a neighbour's address", flow: () => `ipv6,${mac},ipv6_src=fd00:20::6`, passes: false },
      {
        name: "duplicate address detection of its own address, which leads to itself",
        flow: () => `${solicitation},${mac},ipv6_src=::,nd_target=fd00:20::5`,
        passes: false,
      },
      {
        name: "a question for a neighbour's address",
        flow: () => `${solicitation},${mac},ipv6_src=fd00:20::5,nd_target=fd00:20::6,nd_sll=02:01:0a:14:00:05`,
        passes: true,
      },
      {
        name: "duplicate address detection of a neighbour's",
        flow: () => `${solicitation},${mac},ipv6_src=::,nd_target=fd00:20::6`,
        passes: false,
      },
      {
        name: "an advertisement of its own address",
        flow: () => `${advertisement},${mac},ipv6_src=fd00:20::5,nd_target=fd00:20::5,nd_tll=02:01:0a:14:00:05`,
        passes: true,
      },
      {
        name: "an advertisement of a neighbour's address",
        flow: () => `${advertisement},${mac},ipv6_src=fd00:20::5,nd_target=fd00:20::6`,
        passes: false,
      },
      {
        name: "an advertisement with another MAC inside",
        flow: () => `${advertisement},${mac},ipv6_src=fd00:20::5,nd_target=fd00:20::5,nd_tll=02:01:0a:14:00:06`,
        passes: false,
      },
      {
        name: "a solicitation with another MAC inside",
        flow: () => `${solicitation},${mac},ipv6_src=fd00:20::5,nd_target=fd00:20::99,nd_sll=02:01:0a:14:00:06`,
        passes: false,
      },
      {
        name: "a solicitation whose options the switch cannot read",
        flow: () => `${solicitation},${mac},ipv6_src=fd00:20::5,nd_target=::`,
        passes: false,
      },
      {
        name: "a question for a neighbour's address that is to leave the link",
        flow: () =>
          `${solicitation.replace("255", "64")},${mac},ipv6_src=fd00:20::5,nd_target=fd00:20::6,nd_sll=02:01:0a:14:00:05`,
        passes: false,
      },
      {
        name: "what a DHCP server says from another port, which clients take as well",
        flow: () => `udp,${mac},nw_src=10.20.0.5,udp_src=1067,udp_dst=68`,
        passes: false,
      },
      {
        name: "the first fragment of what a DHCP server says",
        flow: () => `udp,${mac},nw_src=10.20.0.5,udp_src=67,udp_dst=68,ip_frag=first`,
        passes: false,
      },
      {
        name: "the first fragment of an advertisement of a neighbour's address",
        flow: () => `${advertisement},${mac},ipv6_src=fd00:20::5,nd_target=fd00:20::6,ip_frag=first`,
        passes: false,
      },
      {
        name: "what a DHCPv6 server says from another port",
        flow: () => `udp6,${mac},ipv6_src=fd00:20::5,udp_src=1547,udp_dst=546`,
        passes: false,
      },
      {
        name: "what a DHCP server says",
        flow: () => `udp,${mac},nw_src=10.20.0.5,udp_src=67,udp_dst=68`,
        passes: false,
      },
      {
        name: "what a DHCPv6 server says",
        flow: () => `udp6,${mac},ipv6_src=fd00:20::5,udp_src=547,udp_dst=546`,
        passes: false,
      },
      {
        name: "what a DHCP client says",
        flow: () => `udp,${mac},nw_src=10.20.0.5,udp_src=68,udp_dst=67`,
        passes: true,
      },
      {
        name: "a router advertisement",
        flow: () => `icmp6,${mac},ipv6_src=${own6()},icmpv6_type=134,icmpv6_code=0`,
        passes: false,
      },
      {
        name: "a redirect",
        flow: () => `icmp6,${mac},ipv6_src=${own6()},icmpv6_type=137,icmpv6_code=0`,
        passes: false,
      },
      { name: "a frame with a tag of its own", flow: () => `ip,${mac},nw_src=10.20.0.5,dl_vlan=200`, passes: false },
      { name: "neither IP nor ARP", flow: () => `${mac},dl_type=0x88cc`, passes: false },
    ])("$name: passes $passes", async ({ flow, passes }) => {
      const verdict = await trace(`in_port=${portOf(a)},${flow()}`);
      if (passes) expect(verdict).not.toBe("drop");
      else expect(verdict).toBe("drop");
    });

    const composed = async (flow: string): Promise<string> => {
      const dump = (await world.hosts[0].ovs.exec("ovs-ofctl", "compose-packet", flow)).split("\n");
      // A dump has the offset in front, and 16 bytes a line.
      return dump.map((line) => line.slice(10, 57).replaceAll(/[ -]/g, "")).join("");
    };
    /** As if it came from `a`. */
    const send = async (frame: string): Promise<void> => {
      const { ovs } = world.hosts[0];
      const packet = `in_port=${portOf(a)},packet=${frame},actions=table`;
      await ovs.exec("ovs-ofctl", "-O", "OpenFlow14", "packet-out", ovs.managementSocket("hf-int"), packet);
    };
    const counted = async (): Promise<ReadonlyMap<string, number>> => {
      const counters = (await world.driver(0).policy?.guardCounters(AbortSignal.timeout(5000))) ?? [];
      return new Map(counters.map((each) => [each.guard, each.packets]));
    };

    test("a solicitation with two addresses of its sender, of which receivers believe the first, is dropped and counted", async () => {
      const before = (await counted()).get("nd") ?? 0;
      const [from, to] = ["fd000020".padEnd(31, "0"), "fd000020".padEnd(31, "0")].map(
        (prefix, at) => `${prefix}${5 + at}`,
      );
      const options = "0101020a0b0c0d0e" + "010102010a140005";
      await send(`02010a14000602010a14000586dd6000000000283aff${from}${to}8700000000000000${to}${options}`);
      await expect.poll(async () => ((await counted()).get("nd") ?? 0) - before).toBeGreaterThanOrEqual(1);
    });

    test.each([
      ["mac", (): string => `ip,dl_src=02:01:0a:14:00:06,dl_dst=02:01:0a:14:00:06,nw_src=10.20.0.5,nw_dst=10.20.0.6`],
      ["ip", (): string => `ip,${mac},dl_dst=02:01:0a:14:00:06,nw_src=10.20.0.6,nw_dst=10.20.0.6`],
      ["ip", (): string => `ipv6,${mac},dl_dst=02:01:0a:14:00:06,ipv6_src=fd00:20::6,ipv6_dst=fd00:20::6`],
      ["arp", (): string => `${arp},arp_sha=02:01:0a:14:00:05,arp_spa=10.20.0.6,arp_op=2`],
      ["nd", (): string => `${advertisement},${mac},ipv6_src=fd00:20::5,nd_target=fd00:20::6`],
      ["ra", (): string => `icmp6,icmpv6_type=134,icmpv6_code=0,dl_dst=33:33:00:00:00:01,${mac},ipv6_src=${own6()}`],
      [
        "dhcp",
        (): string => `udp,${mac},dl_dst=02:01:0a:14:00:06,nw_src=10.20.0.5,nw_dst=10.20.0.6,udp_src=67,udp_dst=68`,
      ],
      ["vlan", (): string => `ip,${mac},dl_dst=02:01:0a:14:00:06,nw_src=10.20.0.5,nw_dst=10.20.0.6,dl_vlan=200`],
    ] as const)("what is spoofed is counted by its guard: %s", async (guard, flow) => {
      const before = await counted();
      for (let times = 0; times < 3; times++) await send(await composed(flow()));
      // The sandbox's own kernel may try something, too.
      const more = async () => ((await counted()).get(guard) ?? 0) - (before.get(guard) ?? 0);
      await expect.poll(more).toBeGreaterThanOrEqual(3);
      expect(await more()).toBeLessThan(6);
    });

    test("real spoofed packets are dropped and counted", async () => {
      const before = await dropped(a);
      await a.sandbox.exec("ip", "address", "add", "10.20.0.99/24", "dev", a.port.containerInterface);
      const args = ["-n", "-q", "-c", "3", "-i", "0.01", "-W", "1", "-I", "10.20.0.99", "10.20.0.6"];
      const text = await a.sandbox.exec("ping", ...args).catch((error: { stdout: string }) => error.stdout);
      expect(text).toContain(" 0 received");
      expect(await dropped(a)).toBeGreaterThan(before);
      expect(await a.sandbox.ping("10.20.0.6")).toBe(2);
    });
  });

  describe("goes", () => {
    const from = (member: Member) =>
      `in_port=${portOf(member)},ip,dl_src=${member.wiring.mac},nw_src=${member.wiring.addresses[0]}`;

    test("to the uplink with its tag, and to nobody else, when the MAC is unknown", async () => {
      expect(await trace(`${from(a)},dl_dst=02:ff:ff:ff:ff:ff`)).toMatch(/^push_vlan\(vid=100,pcp=0\),\d+$/);
    });

    test("to whom it is about, and to nobody else, when it asks for an IPv6 address", async () => {
      const question = "icmp6,nw_ttl=255,icmpv6_type=135,icmpv6_code=0,dl_dst=33:33:ff:00:00:06";
      const asks = (member: Member, target: string) =>
        `in_port=${portOf(member)},${question},dl_src=${member.wiring.mac},ipv6_src=${member.wiring.addresses[1]},nd_target=${target}`;
      expect(await trace(asks(a, "fd00:20::6"))).toMatch(/^set\(eth\(dst=02:01:0a:14:00:06\)\),\d+$/);
      expect(await trace(asks(x, "fd00:30::6"))).toMatch(/^set\(eth\(dst=02:01:0a:1e:00:06\)\),.*tnl_push.*vni=0x1267/);
      expect(await trace(asks(x, "fd00:30::99"))).toBe("drop");
    });

    test("nowhere when the MAC is unknown in a VXLAN network", async () => {
      expect(await trace(`${from(x)},dl_dst=02:ff:ff:ff:ff:ff`)).toBe("drop");
    });

    test("nowhere when it comes from the uplink for an unknown MAC", async () => {
      expect(await trace("in_port=1,dl_vlan=100,ip,dl_dst=02:ff:ff:ff:ff:ff")).toBe("drop");
      expect(await trace("in_port=1,dl_vlan=999,ip,dl_dst=ff:ff:ff:ff:ff:ff")).toBe("drop");
    });

    test("to every endpoint of the VLAN and the uplink when it is for all", async () => {
      expect(await trace(`${from(a)},dl_dst=ff:ff:ff:ff:ff:ff`)).toMatch(/^\d+,push_vlan\(vid=100,pcp=0\),\d+$/);
      expect(await trace("in_port=1,dl_vlan=100,ip,dl_dst=ff:ff:ff:ff:ff:ff")).toMatch(/^pop_vlan,\d+,\d+$/);
    });

    test("to the other node when it is for all of a VXLAN network, and never from tunnel to tunnel", async () => {
      expect(await trace(`${from(x)},dl_dst=ff:ff:ff:ff:ff:ff`)).toMatch(/tnl_push.*vni=0x1267/);
      const back = await trace(
        "in_port=2,tun_id=4711,tun_src=192.168.50.12,tun_dst=192.168.50.11,ip,dl_dst=ff:ff:ff:ff:ff:ff",
      );
      expect(back).not.toContain("tnl_push");
      expect(back).toMatch(/^\d+$/);
    });

    test("to no other tenant's tunnel key", async () => {
      expect(
        await trace("in_port=2,tun_id=4713,tun_src=192.168.50.12,tun_dst=192.168.50.11,ip,dl_dst=ff:ff:ff:ff:ff:ff"),
      ).toBe("drop");
    });

    test("never to a process: no flow sends to a controller, no bridge has one", async () => {
      for (const bridge of ["hf-int", "hf-up"]) expect(await world.hosts[0].flows(bridge)).not.toContain("CONTROLLER");
      expect(await world.hosts[0].ovs.exec("ovs-vsctl", "list", "controller")).toBe("");
    });
  });

  describe("between the machine and its endpoints", () => {
    beforeAll(async () => {
      await world.publish("vlan-a", 8080);
      await world.publish("vxlan-a", 8081);
    });

    const toA = "dl_dst=02:01:0a:14:00:05";
    test.each([
      { name: "what is for a published port", flow: `ip,nw_src=169.254.88.1,nw_dst=169.254.88.2,${toA}`, passes: true },
      { name: "the machine's question for it", flow: "arp,arp_op=1,arp_tpa=169.254.88.2", passes: true },
      {
        name: "what comes from another address",
        flow: `ip,nw_src=10.20.0.6,nw_dst=169.254.88.2,${toA}`,
        passes: false,
      },
      {
        name: "what is for the endpoint's own address",
        flow: `ip,nw_src=169.254.88.1,nw_dst=10.20.0.5,${toA}`,
        passes: false,
      },
      { name: "what is for nobody", flow: `ip,nw_src=169.254.88.1,nw_dst=169.254.88.9,${toA}`, passes: false },
      { name: "a question for the endpoint's own address", flow: "arp,arp_op=1,arp_tpa=10.20.0.5", passes: false },
      {
        name: "a frame with a tag",
        flow: `ip,nw_src=169.254.88.1,nw_dst=169.254.88.2,${toA},dl_vlan=200`,
        passes: false,
      },
      { name: "IPv6", flow: "ipv6,dl_dst=33:33:00:00:00:02", passes: false },
    ])("of what the machine sends, $name: passes $passes", async ({ flow, passes }) => {
      const verdict = await trace(`in_port=3,${flow}`);
      if (passes) expect(verdict).not.toBe("drop");
      else expect(verdict).toBe("drop");
    });

    const answer = (member: Member, source = member.wiring.addresses[0]) =>
      `in_port=${portOf(member)},ip,dl_src=${member.wiring.mac},dl_dst=02:ff:ff:ff:ff:ff,nw_src=${source},nw_dst=169.254.88.1`;

    test("a publisher's answers are looked up among the connections, of its own zone", async () => {
      expect(await trace(answer(a))).toMatch(new RegExp(`^set\\(eth\\(.*\\)\\),ct\\(zone=${portOf(a)},nat\\),recirc`));
      expect(await trace(answer(x))).toMatch(new RegExp(`ct\\(zone=${portOf(x)},nat\\),recirc`));
    });

    test("what belongs to no connection goes nowhere", async () => {
      const { ovs } = world.hosts[0];
      const args = [
        "-t",
        `${ovs.rundir}/ovs-vswitchd.ctl`,
        "ofproto/trace",
        "hf-int",
        answer(a),
        "--ct-next",
        "trk,new",
      ];
      const [, last] = [...(await ovs.exec("ovs-appctl", ...args)).matchAll(/Datapath actions: (.*)/g)];
      expect(last?.[1]).toBe("drop");
    });

    test("a publisher does not get there from another address, and others do not at all", async () => {
      expect(await trace(answer(a, ip("10.20.0.6")))).toBe("drop");
      expect(await trace(answer(b))).toMatch(/^push_vlan\(vid=100,pcp=0\),\d+$/);
    });

    test("in a VXLAN network a publisher finds its gateway, and others do not", async () => {
      const question = (member: Member) =>
        `in_port=${portOf(member)},arp,arp_op=1,dl_src=${member.wiring.mac},dl_dst=ff:ff:ff:ff:ff:ff,arp_sha=${member.wiring.mac},arp_spa=10.30.0.5,arp_tpa=10.30.0.1`;
      expect(await trace(question(x))).toContain("0e:68:66:00:00:01");
      expect(await trace(question(rival))).toBe("drop");
    });
  });

  test("an announcement reaches the neighbours, here and behind the uplink", async () => {
    const stale = MacAddress.parse("02:00:00:00:00:99");
    const neighbours = [
      { kernel: b.sandbox.kernel, link: b.port.containerInterface },
      { kernel: world.fabric.switch.kernel, link: "r100" },
    ];
    for (const { kernel, link } of neighbours) {
      for (const address of [ip("10.20.0.5"), ip("fd00:20::5")]) {
        await kernel.replaceNeighbour({ link, address, mac: stale, state: "stale" });
      }
    }
    await world.driver(0).announce("vlan-a", world.signal);
    for (const { kernel, link } of neighbours) {
      const known = async () => {
        const entries = await kernel.listNeighbours(link);
        return ["10.20.0.5", "fd00:20::5"].map((address) => entries.find((entry) => entry.address === address)?.mac);
      };
      await expect.poll(known).toEqual([a.wiring.mac, a.wiring.mac]);
    }
    expect(announcementFrames(a.wiring.mac, a.wiring.addresses)).toHaveLength(3);
  });
});
