import { Cidr, IpAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import type { FirewallPort } from "../../machine/firewall-ports.ts";
import { ruleSetDigest, ruleSetScript } from "../../machine/rule-set.ts";
import { gatewayRules, shieldRules } from "./firewall.ts";
import { accessRules } from "./firewall-access.ts";

const STATE = {
  gatewayPrefix: "hfg-",
  routedPrefix: "hfr",
  networks: [
    { tenant: "default", gateway: "hfg-n1", prefixes: [Cidr.parse("10.20.0.0/24"), Cidr.parse("fd00:20::/64")] },
    { tenant: "default", gateway: "hfg-n2", prefixes: [Cidr.parse("10.21.0.0/24")] },
    { tenant: "rival", gateway: "hfg-n3", prefixes: [Cidr.parse("10.22.0.0/24")] },
  ],
  ports: [
    { protocol: "tcp", hostPort: 8080, containerPort: 80, address: IpAddress.parse("10.20.0.5") },
    { protocol: "tcp", hostPort: 8080, containerPort: 80, address: IpAddress.parse("fd00:20::5") },
    {
      protocol: "udp",
      hostAddress: IpAddress.parse("192.0.2.7"),
      hostPort: 53,
      containerPort: 5353,
      address: IpAddress.parse("10.20.0.6"),
    },
  ] satisfies FirewallPort[],
};

describe("the firewall", () => {
  test("of local networks", async () => {
    await expect(ruleSetScript(gatewayRules(STATE))).toMatchFileSnapshot("testdata/gateway.nft.golden");
  });

  test("of published ports of networks behind an uplink", async () => {
    const rules = accessRules({ gatewayPrefix: "hfg-", link: "hfg-host", ports: STATE.ports.slice(2) });
    await expect(ruleSetScript(rules)).toMatchFileSnapshot("testdata/access.nft.golden");
  });

  test("without published ports behind an uplink is no table at all", () => {
    const rules = accessRules({ gatewayPrefix: "hfg-", link: "hfg-host", ports: [] });
    expect(ruleSetScript(rules)).toBe("table inet holdfast\ndelete table inet holdfast\n");
    expect(rules.forwards).toEqual([]);
  });

  test("that shields the machine from links of the switch", async () => {
    await expect(ruleSetScript(shieldRules(["hfp*", "eth1"]))).toMatchFileSnapshot("testdata/shield.nft.golden");
  });

  test("without local networks is no table at all", () => {
    const rules = gatewayRules({ ...STATE, networks: [], ports: [] });
    expect(ruleSetScript(rules)).toBe("table inet holdfast\ndelete table inet holdfast\n");
    expect(rules.forwards).toEqual([]);
  });

  test("makes the machine forward the families that have networks", () => {
    expect(gatewayRules(STATE).forwards).toEqual(["v4", "v6"]);
    expect(gatewayRules({ ...STATE, networks: STATE.networks.slice(1) }).forwards).toEqual(["v4"]);
  });

  test("has another digest when any rule is another", () => {
    const other = { ...STATE, ports: STATE.ports.slice(1) };
    expect(ruleSetDigest(gatewayRules(other))).not.toBe(ruleSetDigest(gatewayRules(STATE)));
    expect(ruleSetDigest(gatewayRules({ ...STATE }))).toBe(ruleSetDigest(gatewayRules(STATE)));
  });
});
