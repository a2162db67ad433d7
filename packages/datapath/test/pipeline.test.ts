import { MacAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import type { AddressQuestion } from "../src/driver.ts";
import { ip } from "../src/testing/parties.ts";
import { from, NO_CHANGE, prefixSet, program, REALM_SETS, rule, tcp } from "../src/testing/policy-parties.ts";
import { TwoHosts } from "./two-hosts.ts";

/** The page's frame; the flows under each heading are what the switch prints. */
const PAGE: readonly { readonly heading: string; readonly table: number; readonly text: string }[] = [
  {
    heading: "Table 0: which network",
    table: 0,
    text: "`reg0` becomes the number of the network, `reg1` where the frame comes from: 1 inside, 2 uplink, 3 tunnel. An endpoint's frames must be untagged; what is above its limits ends in a meter. What belongs to no network of this node is dropped. What the machine sends to a publisher is translated. While a new address is looked for in a VLAN (here 10.20.0.9 and fd00:20::9), what says that somebody has it comes to the agent as well.",
  },
  {
    heading: "Table 5: the second meter",
    table: 5,
    text: "A flow has one meter at most: an endpoint with two limits has its second here.",
  },
  {
    heading: "Table 10: own addresses only",
    table: 10,
    text: "An endpoint sends from its own MAC and addresses, and is no DHCP server. What it may not send ends in a flow of its own that counts it. The rest gets the mark of its QoS profile, if that has one.",
  },
  {
    heading: "Table 11: neighbour discovery about itself only",
    table: 11,
    text: "What an endpoint advertises and solicits names its own address and MAC; it is no router.",
  },
  {
    heading: "Table 12: of what connection is it?",
    table: 12,
    text: "What an endpoint with a policy sends. Its connections are followed in a zone of its own: the number of its port with the highest bit. Neighbour discovery and multicast listener messages are not decided by policies.",
  },
  {
    heading: "Table 13: may it be begun?",
    table: 13,
    text: "What belongs to an allowed connection goes on, and ICMP errors about it. Of a new one `metadata` becomes the egress path of the endpoint's program, and registers 8 to 11 the remote address. TCP begins with SYN: without that, a connection that was cut would go on as one that the other end has begun.",
  },
  {
    heading: "Table 14: which sets is the address in?",
    table: 14,
    text: "One flow for each single address, however many rules there are. All that are in the same sets have the same class, a number made from the sets' names, in `reg5` and `reg6`. `reg13` says that the address is of the platform's networks.",
  },
  {
    heading: "Table 15: which sets have a prefix around it?",
    table: 15,
    text: "The same for prefixes, the longest first; the class, in `reg7` and `reg12`, is that of all prefixes around it.",
  },
  {
    heading: "Table 16: inside the tenant or outside?",
    table: 16,
    text: "`reg4` becomes the list that is for the remote address: 0 for the tenant's own networks and for what is not the platform's, 0x10000 for other tenants'. Sections of a list are numbered from there.",
  },
  {
    heading: "Table 17: which rule?",
    table: 17,
    text: "Each rule has a priority in its list. With few addresses or few services it is their product, else a conjunction. `reg14` and `reg15` become the rule's number, made from the names of program and rule.",
  },
  {
    heading: "Table 18: what has decided?",
    table: 18,
    text: "Counts the packets that a rule has decided about.",
  },
  {
    heading: "Table 19: what was found in its middle",
    table: 19,
    text: "A packet of a TCP connection that the switch does not know and that is allowed if the other end has begun it: when the ports say so, it goes on, and is marked; else it must be allowed the other way round as well. Only for a minute, see DESIGN.md, section 13.",
  },
  {
    heading: "Table 20: who has an address?",
    table: 20,
    text: "For every address that is known (endpoints here and, in VXLAN networks, everywhere), a question to all is answered over IPv4, and led to whom it is about over IPv6. In a VXLAN network an unknown address is nobody's; in a VLAN it may be a machine of the company's, so the question goes out. Questions to a single neighbour ask whether it is alive and go there. Who publishes ports in a VXLAN network has a gateway, towards the machine.",
  },
  { heading: "Table 21: back to who asked", table: 21, text: "Into the uplink with its tag." },
  {
    heading: "Table 25: is it one too many?",
    table: 25,
    text: "Begun by an endpoint that may have so many connections only: one above that is not remembered in its zone, and only a second look tells.",
  },
  {
    heading: "Table 26: what is not remembered",
    table: 26,
    text: "Has no mark, and goes nowhere.",
  },
  {
    heading: "Table 30: where to",
    table: 30,
    text: "By network and MAC. Nothing is learned and unknown unicast is never flooded: from inside a VLAN it leaves through the uplink only, else it is dropped.",
  },
  {
    heading: "Table 35: of what connection is it, for whom it goes to?",
    table: 35,
    text: "What an endpoint with a policy gets; its port is in `reg3`. It never gets its own frames, and of other kinds than IP only ARP.",
  },
  {
    heading: "Table 36: may it be begun there?",
    table: 36,
    text: "As in table 13, with the ingress path of the program.",
  },
  {
    heading: "Table 37: is it one too many there?",
    table: 37,
    text: "As table 25, of what others begin to such an endpoint.",
  },
  { heading: "Table 38: what is not remembered there", table: 38, text: "As table 26." },
  { heading: "Table 39: into the endpoint", table: 39, text: "What its policy has let pass." },
  {
    heading: "Table 40: to all here",
    table: 40,
    text: "One flow per network lists its ports; a switch never sends a frame back to the port it came from.",
  },
  {
    heading: "Table 50: to all elsewhere",
    table: 50,
    text: "Only for frames from inside, so that nothing goes from tunnel to tunnel or back into the uplink. A VXLAN network has a copy for each node with endpoints in it.",
  },
  {
    heading: "Table 60: between the machine and publishers",
    table: 60,
    text: "What the machine sends to the address that stands for a publisher is for the publisher's own by now, and what is from a publisher's own address is from that which stands for it, when it belongs to a connection that the machine has begun. Anything else goes nowhere.",
  },
];

const LOOKED_FOR: AddressQuestion = {
  network: "n7",
  addresses: [ip("10.20.0.9"), ip("fd00:20::9")],
  mac: MacAddress.parse("02:01:0a:14:00:09"),
  probes: 3,
  milliseconds: 20_000,
};

/** Without what differs from run to run. */
function readable(dump: string): readonly string[] {
  return dump
    .split("\n")
    .filter((line) => line.includes("actions="))
    .map((line) => line.trim().replace(/duration=[\d.]+s, |n_packets=\d+, |n_bytes=\d+, |idle_age=\d+, /g, ""))
    .map((line) => line.replace(/,? ?(idle|hard)_age=\d+,? ?/g, " "));
}

describe("PIPELINE.md", () => {
  test("shows what the switch prints", async () => {
    await using world = await TwoHosts.start();
    await world.place(0, "vlan-a", "n7", 5);
    await world.place(0, "vxlan-a", "n8", 5);
    await world.place(1, "vxlan-b", "n8", 6);
    await world.publish("vlan-a", 8080);
    await world.publish("vxlan-a", 8081);
    await police(world);
    await limit(world);
    await Promise.resolve();
    await expect.poll(() => world.driver(0).status()).toEqual([]);
    const enough = new AbortController();
    const looking = world
      .driver(0)
      .probe(LOOKED_FOR, enough.signal)
      .catch(() => []);
    await expect.poll(() => world.hosts[0].flows()).toContain("CONTROLLER");
    const flows = readable(await world.hosts[0].flows());
    enough.abort();
    await looking;
    const sections = PAGE.map(({ heading, table, text }) => {
      const own = flows.filter((line) => line.includes(`table=${table}, `));
      expect(own.length).toBeGreaterThan(0);
      return `## ${heading}\n\n${text}\n\n\`\`\`\n${own.toSorted(byPriority).join("\n")}\n\`\`\`\n`;
    });
    const shown = sections.join("\n").match(/actions=/g) ?? [];
    expect(shown).toHaveLength(flows.length);
    const uplink = readable(await world.hosts[0].flows("hf-up"))
      .toSorted(byPriority)
      .join("\n");
    const page = [
      "# The flows",
      "",
      "Written by `test/pipeline.test.ts` from `ovs-ofctl dump-flows`; `vitest -u` rewrites it. One endpoint in VLAN 100 (`n7`, port 1000),",
      "one in VXLAN 4711 (`n8`, port 1001), with a neighbour on node 192.168.50.12; `n9` is another tenant's with the addresses of `n8`.",
      "Both publish ports. Port 1 leads to the uplink, port 2 is the tunnel, port 3 is the machine's. The cookie is `HOLD`, what the flow is",
      "for (0 base, 1 network, 2 endpoint, 3 remote, 4 gateway, 5 access, 6 probe, 7 policy), and the number of the network or port. The",
      "endpoint in the VLAN has a policy: the group `web` and 192.0.2.0/24 reach its ports 80 and 443, and nobody else begins anything with it.",
      "The other one may send 100 Mbit/s and 20,000 packets a second, is marked with DSCP 10, and may have 500 connections.",
      "",
      sections.join("\n"),
      "## The bridge of the uplink",
      "",
      "Tagged frames belong to networks, untagged ones to the machine. The flow without our cookie is the switch's own: with it the machine",
      "can be reached before an agent has started.",
      "",
      `\`\`\`\n${uplink}\n\`\`\`\n`,
    ].join("\n");
    await expect(page).toMatchFileSnapshot("../src/drivers/ovs/PIPELINE.md");
  });
});

/** Gives one endpoint a policy. */
async function police(world: TwoHosts): Promise<void> {
  const group = prefixSet("group/default/web/v4", ["10.20.0.7/32", "10.20.0.8/32"]);
  const https = rule("rule/default/web/ingress/https", "allow", {
    remote: from(group.id, "192.0.2.0/24"),
    services: [tcp(80, 443)],
  });
  const made = program("default/web", { ingress: { main: [[https]], end: "deny" } });
  const change = { ...NO_CHANGE, sets: [...REALM_SETS, group], programs: [made] };
  await world.driver(0).policy?.applyPolicy(change, world.signal);
  const wiring = world.members.get("vlan-a")?.wiring;
  if (wiring === undefined) throw new TypeError("there is no vlan-a");
  await world.driver(0).attach({ ...wiring, policy: { program: made.id } }, world.signal);
}

/** Gives the other one limits, and a mark. */
async function limit(world: TwoHosts): Promise<void> {
  const wiring = world.members.get("vxlan-a")?.wiring;
  if (wiring === undefined) throw new TypeError("there is no vxlan-a");
  const qos = { egress: { rate: 100e6, burst: 65_536, packets: 20_000 }, dscp: 10, connections: 500 };
  await world.driver(0).attach({ ...wiring, qos }, world.signal);
}

function byPriority(a: string, b: string): number {
  const priority = (line: string): number => Number(/priority=(\d+)/.exec(line)?.[1] ?? 32_768);
  return priority(b) - priority(a) || (a < b ? -1 : 1);
}
