import { definedFields } from "@holdfast/core";
import type { InterfaceAmounts } from "@holdfast/flow";
import type { CountedAmounts, FlowCounters } from "@holdfast/model";
import type { CountedPort } from "./counted.ts";

/** A port as answers have it; to a tenant nothing of how the platform is built. @param recent what was counted lately, which rates are told of */
export function toldPort(counted: CountedPort, recent: Recent, isTenant: boolean): FlowCounters {
  const { owner, node, exporter, ifIndex, port, since, until, egress, ingress } = counted;
  return {
    ...owner,
    ...(node === undefined ? {} : { node }),
    ...(isTenant ? {} : { exporter, ifIndex, ...(port === undefined ? {} : { port }) }),
    since: new Date(since).toISOString(),
    until: new Date(until).toISOString(),
    egress: toldAmounts(egress, recent.egress, recent.milliseconds),
    ingress: toldAmounts(ingress, recent.ingress, recent.milliseconds),
  } as FlowCounters;
}

export type Recent = Pick<CountedPort, "egress" | "ingress"> & { readonly milliseconds: number };

function toldAmounts(
  sums: InterfaceAmounts,
  { bytes, packets }: InterfaceAmounts,
  milliseconds: number,
): CountedAmounts {
  const perSecond = (amount: number | undefined): number | undefined =>
    amount === undefined || milliseconds <= 0 ? undefined : (1000 * amount) / milliseconds;
  const rates = { bitRate: perSecond(bytes === undefined ? undefined : bytes * 8), packetRate: perSecond(packets) };
  return definedFields({ ...sums, ...rates });
}

/** A port as it is told, with what it is sorted by. */
export interface PlacedPort {
  readonly place: string;
  readonly told: FlowCounters;
}

/** Containers first. It goes to who asks for the next page: of a container it has nothing of how the platform is built. */
export function placeOf({ owner, exporter, ifIndex }: Pick<CountedPort, "owner" | "exporter" | "ifIndex">): string {
  if (owner === undefined) return `~/${exporter}/${String(ifIndex).padStart(10, "0")}`;
  return `${owner.tenant}/${owner.network}/${owner.identity}/${owner.endpoint}/${ifIndex}`;
}

/** A page of ports in the order of their names; of one place, as after another start of a switch, all are on one. @param after `continue` of the page before */
export function portPage(
  ports: readonly PlacedPort[],
  { limit, after = "" }: { readonly limit: number; readonly after?: string | undefined },
): { readonly items: FlowCounters[]; readonly continue?: string } {
  const found = ports.filter(({ place }) => place > after).sort((a, b) => (a.place < b.place ? -1 : 1));
  const cut = found[limit - 1]?.place;
  const page = found.filter(({ place }, index) => index < limit || place === cut);
  const last = found.length > page.length ? cut : undefined;
  return { items: page.map(({ told }) => told), ...(last === undefined ? {} : { continue: last }) };
}
