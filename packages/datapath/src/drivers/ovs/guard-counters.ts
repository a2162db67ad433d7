import type { ObservedFlow, OpenFlowSwitch } from "@holdfast/openflow";
import type { GuardCounter } from "../../driver.ts";
import { sumOfGuards } from "../../guard-counters.ts";
import { cookieOf, EtherType, Icmp, type Purpose, TableId } from "./pipeline/layout.ts";

/** Flows of endpoints, and those that all have in common. */
const PURPOSES: readonly Purpose[] = ["endpoint", "base"];
const PURPOSE_MASK = 0xffff_ffff_ff00_0000n;

/** What flows of the guards (tables 0, 10 and 11) have dropped, by what they guard. */
export async function guardCounters(connection: OpenFlowSwitch): Promise<readonly GuardCounter[]> {
  const filters = PURPOSES.map((purpose) => ({ cookie: cookieOf(purpose), mask: PURPOSE_MASK }));
  const flows = (await Promise.all(filters.map((filter) => connection.dump(filter)))).flat();
  const counted = flows.flatMap(({ flow, packets, bytes }): GuardCounter[] => {
    const guard = guardOf(flow);
    return guard === undefined ? [] : [{ guard, packets: Number(packets), bytes: Number(bytes) }];
  });
  return sumOfGuards(counted);
}

/** Undefined: of none. */
function guardOf({ table, match, actions }: ObservedFlow["flow"]): GuardCounter["guard"] | undefined {
  if (actions.length > 0) return undefined;
  if (table === TableId.neighbourGuard) return isRouters(match.icmpType) ? "ra" : "nd";
  if (table === TableId.classify) return match.inPort === undefined ? undefined : "vlan";
  if (table !== TableId.sourceGuard) return undefined;
  if (match.udpDst !== undefined) return "dhcp";
  if (match.ethSrc === undefined) return "mac";
  return match.ethType === EtherType.arp ? "arp" : match.ethType === undefined ? undefined : "ip";
}

function isRouters(type: number | undefined): boolean {
  return type === Icmp.routerAdvertisement || type === Icmp.redirect;
}
