import { definedFields } from "@holdfast/core";
import type { NetworkConfig } from "./network-config.ts";
import { type CniResult, readResult } from "./result.ts";

const NOTHING: CniResult = { interfaces: [], ips: [], routes: [] };

/** What plugins before this one have made; nothing when it is the first. @throws CniError that names the field that is wrong. */
export function resultBefore({ prevResult }: Pick<NetworkConfig, "prevResult">): CniResult {
  return prevResult === undefined ? NOTHING : readResult(prevResult);
}

/** Both, the later one's behind; its addresses go on pointing to its own interfaces, and of DNS its word counts. */
export function resultsTogether(before: CniResult, own: CniResult): CniResult {
  const shift = before.interfaces.length;
  const ips = own.ips.map((each) =>
    each.interface === undefined ? each : { ...each, interface: each.interface + shift },
  );
  const dns = { ...before.dns, ...own.dns };
  return {
    interfaces: [...before.interfaces, ...own.interfaces],
    ips: [...before.ips, ...ips],
    routes: [...before.routes, ...own.routes],
    ...(Object.keys(dns).length === 0 ? {} : { dns }),
  };
}

/** What containers are to resolve names with: of each part the runtime's word, for this pod, before the configuration's, for all. */
export function dnsOf({ dns = {}, runtimeConfig }: Pick<NetworkConfig, "dns" | "runtimeConfig">): CniResult["dns"] {
  const { servers, searches, options } = runtimeConfig.dns ?? {};
  return definedFields({
    nameservers: servers ?? dns.nameservers,
    domain: dns.domain,
    search: searches ?? dns.search,
    options: options ?? dns.options,
  });
}
