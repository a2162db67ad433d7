import { silentLogger, systemClock } from "@holdfast/core";
import { FakeKernel } from "@holdfast/netlink/testing";
import { driverCompliance } from "../../testing/driver-compliance.ts";
import { routed, TENANTS_NETWORKS } from "../../testing/parties.ts";
import { createKernelDriver } from "./driver.ts";

const { first, other } = TENANTS_NETWORKS;

driverCompliance(
  "the plain kernel in memory",
  { networks: { first: routed(first), other: routed(other) } },
  async () => {
    const kernel = new FakeKernel();
    /** Tables of nft(8) as they were last written. */
    const tables = new Map<string, string>();
    const nft = async (script: string): Promise<string> => {
      for (const [, name = "", text = ""] of script.matchAll(/^table (\S+ \S+) (\{[\s\S]*?^\})/gm))
        tables.set(name, text);
      return script.startsWith("list ") ? "" : script;
    };
    const host = { nft, iptables: async () => undefined, setSysctl: async () => undefined };
    return {
      kernel,
      open: () =>
        createKernelDriver({ kernel, host, clock: systemClock, logger: silentLogger }, {}, AbortSignal.timeout(5000)),
      openings: async () => tables.get("inet holdfast_routed")?.match(/elements = \{ tcp[^}]*\}/g) ?? [],
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
);
