import { describe, expect, test } from "vitest";
import { resultBefore, resultsTogether } from "./chain.ts";
import { type CniResult, resultOutput } from "./result.ts";
import { SUPPORTED_VERSIONS, supports } from "./versions.ts";

const FIRST: CniResult = {
  interfaces: [
    { name: "br0", mac: "02:00:00:00:00:01", mtu: 1500 },
    { name: "vm0", sandbox: "/s", socketPath: "/p", pciID: "00:01.0" },
  ],
  ips: [{ address: "192.168.9.2/24", interface: 1 }, { address: "192.168.9.3/24" }],
  routes: [{ dst: "192.168.10.0/24", advmss: 1400, table: 7 }],
};
const OWN: CniResult = {
  interfaces: [
    { name: "eth0", mac: "02:64:0a:14:00:05", mtu: 1450, sandbox: "/s" },
    { name: "hf1", mac: "02:00:00:00:00:02" },
  ],
  ips: [
    { address: "10.20.0.5/16", gateway: "10.20.0.1", interface: 0 },
    { address: "fd00::5/64", gateway: "fd00::1", interface: 0 },
  ],
  routes: [
    { dst: "0.0.0.0/0", gw: "10.20.0.1" },
    { dst: "::/0", gw: "fd00::1" },
  ],
  dns: { nameservers: ["10.20.0.53"] },
};

describe.each(SUPPORTED_VERSIONS)("a chain of version %s", (version) => {
  test("says of every plugin what the version has words for, and keeps which address is on which interface", () => {
    const before = resultBefore({ prevResult: JSON.parse(resultOutput(FIRST, version)) });
    const output = JSON.parse(resultOutput(resultsTogether(before, OWN), version)) as CniResult;
    expect(output).toHaveProperty("cniVersion", version);
    expect(output.interfaces.map(({ name }) => name)).toEqual(["br0", "vm0", "eth0", "hf1"]);
    expect(output.ips.map(({ address, interface: index }) => [address, index])).toEqual([
      ["192.168.9.2/24", 1],
      ["192.168.9.3/24", undefined],
      ["10.20.0.5/16", 2],
      ["fd00::5/64", 2],
    ]);
    const families = output.ips.map((each) => ("version" in each ? each.version : "none"));
    const isImplied = supports(version, "familyImplied");
    expect(families).toEqual(isImplied ? Array(4).fill("none") : ["4", "4", "4", "6"]);
    expect(output.routes.map(({ dst, gw }) => [dst, gw])).toEqual([
      ["192.168.10.0/24", undefined],
      ["0.0.0.0/0", "10.20.0.1"],
      ["::/0", "fd00::1"],
    ]);
    const details = {
      interfaces: [{ mtu: 1500 }, { pciID: "00:01.0", socketPath: "/p" }, { mtu: 1450 }, {}],
      routes: [{ advmss: 1400, table: 7 }, {}, {}],
    };
    if (version === "1.1.0") expect(output).toMatchObject(details);
    else expect(JSON.stringify(output)).not.toMatch(/mtu|pciID|socketPath|advmss|table/);
    expect(output.dns).toEqual({ nameservers: ["10.20.0.53"] });
  });
});

test("of a plugin that is the first, nothing was before", () => {
  expect(resultsTogether(resultBefore({}), OWN)).toEqual(OWN);
});
