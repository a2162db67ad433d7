import { IpAddress } from "@holdfast/core";
import { FakeKernel, FakeTraffic } from "@holdfast/netlink/testing";
import { describe, expect, test } from "vitest";
import { type GuaranteeRow, guaranteeTable } from "./guarantee-table.ts";
import { elementsOf } from "./uplink-rules.ts";

const signal = AbortSignal.timeout(5000);

function start(rate = 1e9) {
  const kernel = new FakeKernel();
  const traffic = new FakeTraffic(kernel);
  let elements: Map<string, string> | undefined;
  const list = () => [...(elements ?? [])].map(([key, value]) => `${key} : ${value}`).join(", ");
  const nft = async (script: string): Promise<string> => {
    if (script.startsWith("list ")) return list();
    if (script.includes("delete table")) elements = undefined;
    if (script.includes("chain leaving")) elements = new Map();
    for (const [, key = ""] of script.matchAll(/^delete element .*\{ (\S+) \}$/gm)) elements?.delete(key);
    for (const [, key = "", value = ""] of script.matchAll(/^add element .*\{ (\S+) : "(\S+)" \}$/gm))
      elements?.set(key, value);
    return "";
  };
  const netfilter = { hasTable: () => elements !== undefined };
  const uplink = { link: "eth0", rate };
  const { definition } = guaranteeTable({ kernel, traffic, netfilter, host: { nft } }, { linkPrefix: "hfr", uplink });
  return { traffic, ...definition.operations, elements: () => Object.fromEntries(elementsOf(list())) };
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
    expect(elements()).toEqual({ "10.20.0.5": "4846:7", "10.20.0.7": "4846:8" });
    expect(String(traffic)).toBe(before);
  });

  test("go with all that was made for them", async () => {
    const { traffic, update, remove, elements } = start();
    const [first, second] = [row("hfr5", "10.20.0.5"), row("hfr6", "10.20.0.6")];
    await update([first, second], signal);
    await remove([first], signal);
    expect(elements()).toEqual({ "10.20.0.6": "4846:8" });
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
});
