import type { SwitchControl } from "@holdfast/ovsdb";
import type { DatapathType } from "./options.ts";

/** How many connections the switch remembers in a zone of its connection tracking at most. */
export interface ZoneLimit {
  readonly zone: number;
  readonly limit: number;
}

/** Neither OpenFlow nor the database tells of them. Connections that were there before their zone had a limit are not counted. */
export interface ZoneLimits {
  /** Of all zones that have one. */
  list(signal: AbortSignal): Promise<readonly ZoneLimit[]>;
  /** A zone that has one goes on counting. */
  set(limit: ZoneLimit, signal: AbortSignal): Promise<void>;
  /** @throws HoldfastError `switch_rejected` also when the zone has none. */
  remove(zone: number, signal: AbortSignal): Promise<void>;
}

/** Undefined: the kernel's datapath refuses packets by itself, in a way that was never tried with our flows. */
export function zoneLimits(control: SwitchControl, datapath: DatapathType): ZoneLimits | undefined {
  if (datapath === "system") return undefined;
  const where = `${datapath}@ovs-${datapath}`;
  return {
    async list(signal) {
      return readLimits(await control.ask("dpctl/ct-get-limits", [where], signal));
    },
    async set({ zone, limit }, signal) {
      await control.ask("dpctl/ct-set-limits", [where, `zone=${zone},limit=${limit}`], signal);
    },
    async remove(zone, signal) {
      await control.ask("dpctl/ct-del-limits", [where, `zone=${zone}`], signal);
    },
  };
}

/** Lines like `"zone=33768,limit=5,count=2"`; the default of all zones has none. */
export function readLimits(text: string): readonly ZoneLimit[] {
  return [...text.matchAll(/^zone=(\d+),limit=(\d+)/gm)].map(([, zone, limit]) => {
    return { zone: Number(zone), limit: Number(limit) };
  });
}
