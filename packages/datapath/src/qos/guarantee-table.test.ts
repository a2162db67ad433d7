import { IpAddress, MacAddress } from "@holdfast/core";
import { FakeKernel, FakeTraffic } from "@holdfast/netlink/testing";
import { describe, expect, test } from "vitest";
import { type GuaranteeRow, guaranteeTable } from "./guarantee-table.ts";
import { elementsOf } from "./uplink-elements.ts";
import { UplinkShare } from "./uplink-share.ts";

const signal = AbortSignal.timeout(5000);

/** A machine whose nft(8) knows as much as is asked of it. */
function machine() {
  const kernel = new FakeKernel();
  const traffic = new FakeTraffic(kernel);
  let elements: Map<string, string> | undefined;
  let comment = "";
  const scripts: string[] = [];
  const list = () => [...(elements ?? [])].map(([key, value]) => `${key} ${value}`).join(", ");
  const nft = async (script: string): Promise<string> => {
    if (script.startsWith("list ")) return `${comment}\n${list()}`;
    scripts.push(script);
    if (script.includes("delete table")) elements = undefined;
    if (script.includes("chain leaving")) elements = new Map();
    for (const [, key = ""] of script.matchAll(/^delete element .*\{ (.+) \}$/gm)) elements?.delete(key);
    for (const [, key = "", value = ""] of script.matchAll(/^add element .*\{ (.+) (: \S+|limit .+) \}$/gm))
      elements?.set(key, value.replaceAll('"', ""));
    comment = /comment "\S+"/.exec(script)?.[0] ?? comment;
    return "";
  };
  const netfilter = { hasTable: () => elements !== undefined };
  const tools = { kernel, traffic, netfilter, host: { nft } };
  return { tools, scripts, elements: () => Object.fromEntries(elementsOf(list())) };
}

interface Start {
  on?: ReturnType<typeof machine>;
  tunnelAddress?: string;
  linkPrefix?: string;
  share?: UplinkShare;
}

function start(rate = 1e9, { on = machine(), tunnelAddress, linkPrefix = "hfr", share }: Start = {}) {
  const { definition } = guaranteeTable(on.tools, {
    linkPrefix,
    uplink: { link: "eth0", rate, ...(share && { share }) },
    tunnelAddress: tunnelAddress === undefined ? undefined : IpAddress.parse(tunnelAddress),
  });
  return { traffic: on.tools.traffic, ...definition.operations, elements: on.elements };
}

const row = (link: string, address: string): GuaranteeRow => ({
  link,
  endpoint: `e-${link}`,
  rate: 10e6,
  known: [IpAddress.parse(address)],
});

describe("guarantees", () => {
  test("of a link whose class another one has are refused, and leave the other's alone when they go", async () => {
    const { traffic, update, remove, elements } = start();
    const [first, second] = [row("hfr5", "10.20.0.5"), row("hfr16389", "10.20.0.6")];
    await update([first, row("hfr6", "10.20.0.7")], signal);
    await expect(update([second], signal)).rejects.toThrow("link hfr5 has its class");
    const before = String(traffic);
    await remove([second], signal);
    expect(elements()).toEqual({
      ...{ "10.20.0.5": "4846:7", "4846:7": "488" },
      ...{ "10.20.0.7": "4846:8", "4846:8": "488" },
    });
    expect(String(traffic)).toBe(before);
  });

  test("are kept as long as all rates that the tree lets go, and what goes past it, fit together", async () => {
    const { traffic, update, elements } = start(190e6);
    const most = { ...row("hfr5", "10.20.0.5"), rate: 169e6 };
    await expect(update([{ ...most, rate: 170e6 }], signal)).rejects.toThrow(
      "190Mbit of eth0 less 3800kbit of others leave no 170Mbit and what is set aside of it",
    );
    await update([most], signal);
    const [root, ...leaves] = traffic.listClasses("hfrup");
    const aside = Number(elements()["4846:7"]) * 256 * 8;
    expect(leaves.reduce((sum, { rate }) => sum + rate, 0)).toBeLessThanOrEqual(root?.rate ?? 0);
    expect((root?.rate ?? 0) + aside).toBe(190e6);
    await expect(update([row("hfr6", "10.20.0.6")], signal)).rejects.toThrow("of others leave no 10Mbit");
  });

  test("of one driver are kept while another has none on the same uplink, and refused otherwise", async () => {
    const share = new UplinkShare();
    const [routed, switched] = [start(1e9, { share }), start(1e9, { share, linkPrefix: "hfp" })];
    const [first, second] = [row("hfr5", "10.20.0.5"), row("hfp5", "10.30.0.5")];
    await routed.update([first], signal);
    await expect(switched.update([second], signal)).rejects.toThrow(
      "eth0 keeps guarantees of routed networks, or of VLAN and VXLAN networks, and this node has one of the other kind already; move it to another node",
    );
    expect(String(switched.traffic)).toBe("");
    await switched.remove([second], signal);
    await expect(switched.update([second], signal)).rejects.toThrow("of the other kind already");
    await routed.remove([first], signal);
    await switched.update([second], signal);
    await expect(routed.update([first], signal)).rejects.toThrow("of the other kind already");
  });

  test("go with all that was made for them", async () => {
    const { traffic, update, remove, elements } = start();
    const [first, second] = [row("hfr5", "10.20.0.5"), row("hfr6", "10.20.0.6")];
    await update([first, second], signal);
    await remove([first], signal);
    expect(elements()).toEqual({ "10.20.0.6": "4846:8", "4846:8": "488" });
    expect(traffic.listClasses("hfrup").map(({ id }) => id.minor)).not.toContain(7);
    await remove([second], signal);
    expect(elements()).toEqual({});
    expect(String(traffic)).toBe("");
  });

  test("are kept of an uplink of any rate: the kernel counts whole bytes", async () => {
    const { traffic, update } = start(50.000_01e9 * 0.95);
    await update([row("hfr5", "10.20.0.5")], signal);
    const rates = traffic.listClasses("hfrup").flatMap(({ rate, ceiling }) => [rate, ceiling]);
    expect(rates.filter((rate) => rate % 8 !== 0)).toEqual([]);
  });

  test.each([
    { rate: 190e6, others: 3072, together: 4750 },
    { rate: 10e9, others: 5000, together: 250_000 },
  ])("of $rate bit/s let $together bytes go at once, all together, however little is guaranteed", async (given) => {
    const { traffic, update } = start(given.rate);
    await update([row("hfr5", "10.20.0.5")], signal);
    const bursts = traffic.listClasses("hfrup").map(({ burst, ceilingBurst }) => [burst, ceilingBurst]);
    expect(bursts).toEqual([
      [given.together, given.together],
      [given.others, given.together],
      [10_240, given.together],
    ]);
  });

  test("are not given out as far as they are for packets that do not wait, whoever of them was told yet", async () => {
    const on = machine();
    const first = start(1e9, { on });
    const whole = () => first.traffic.listClasses("hfrup").find(({ id }) => id.minor === 1)?.rate;
    const aside = 488 * 256 * 8;
    await first.update([row("hfr5", "10.20.0.5")], signal);
    expect(whole()).toBe(1e9 - aside);
    const again = start(1e9, { on });
    await again.update([row("hfr6", "10.20.0.6")], signal);
    expect(whole()).toBe(1e9 - 2 * aside);
    await again.update([{ ...row("hfr6", "10.20.0.6"), rate: 20e6 }], signal);
    expect(whole()).toBe(1e9 - aside - 976 * 256 * 8);
    expect(on.elements()).toMatchObject({ "4846:8": "976" });
    await again.remove([row("hfr5", "10.20.0.5")], signal);
    expect(whole()).toBe(1e9 - 976 * 256 * 8);
    await again.update([row("hfr5", "10.20.0.5")], signal);
    await again.prune([row("hfr5", "10.20.0.5")], signal);
    expect(whole()).toBe(1e9 - aside);
  });

  test.each([
    { rate: 1e6, pace: undefined, room: 593_750 },
    { rate: 2e6, pace: "97", room: 250_000 },
    { rate: 20e6, pace: "976", room: 593_750 },
  ])(
    "of $rate bit/s let no more wait than leaves while all waits, or have all wait always",
    async ({ rate, ...expected }) => {
      const { update, elements, traffic } = start(190e6);
      await update([{ ...row("hfr5", "10.20.0.5"), rate }], signal);
      expect(elements()["4846:7"]).toBe(expected.pace);
      expect(String(traffic)).toContain(
        `parent 4846:7 handle 7: tbf rate 8000000000000bit burst 9234 limit ${expected.room}`,
      );
      expect(String(traffic)).toContain(`parent 7:1 handle 5007: fq_codel memory_limit ${expected.room}`);
    },
  );

  test("are kept of frames in tunnels, by network and sender", async () => {
    const { update, elements, remove } = start(1e9, { tunnelAddress: "192.168.50.11" });
    const [first, second] = [row("hfr5", "10.20.0.5"), row("hfr6", "10.20.0.5")];
    const sender = MacAddress.ofAddress(IpAddress.parse("10.20.0.5"));
    await update(
      [
        { ...first, known: [`4711/${sender}`] },
        { ...second, known: [`4712/${sender}`] },
      ],
      signal,
    );
    expect(elements()).toMatchObject({ [`4711/${sender}`]: "4846:7", [`4712/${sender}`]: "4846:8" });
    await remove([first], signal);
    expect(elements()).toEqual({ [`4712/${sender}`]: "4846:8", "4846:8": "488" });
  });

  test("find their rules as they were after a restart, and replace another version's with all that is in them", async () => {
    const on = machine();
    await start(1e9, { on }).update([row("hfr5", "10.20.0.5")], signal);
    const before = on.scripts.length;
    await start(1e9, { on }).update([row("hfr5", "10.20.0.5")], signal);
    expect(on.scripts.length).toBe(before);
    await start(1e9, { on, tunnelAddress: "192.168.50.11" }).update([row("hfr6", "10.20.0.6")], signal);
    expect(on.scripts.at(-1)).toContain("ip saddr 192.168.50.11 udp dport 4789");
    expect(on.elements()).toEqual({
      ...{ "10.20.0.5": "4846:7", "4846:7": "488" },
      ...{ "10.20.0.6": "4846:8", "4846:8": "488" },
    });
  });
});
