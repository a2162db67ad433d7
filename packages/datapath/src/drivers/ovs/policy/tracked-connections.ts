import { type Clock, IpAddress, isHoldfastError } from "@holdfast/core";
import type { ConnectionTuple } from "@holdfast/openflow";
import type { SwitchControl } from "@holdfast/ovsdb";
import type { DatapathType } from "../options.ts";

/** As the switch knows it, which takes the first packet that it has seen for the first one. */
export interface TrackedConnection extends ConnectionTuple {
  /** Absent: 0. */
  readonly mark?: number;
}

/** What OpenFlow does not tell of connections: it can forget them, but cannot list them. */
export interface ConnectionTracking {
  /** Those that the switch follows, in a zone or (undefined) in all. */
  list(zone: number | undefined, signal: AbortSignal): Promise<readonly TrackedConnection[]>;
  /**
   * Resolves when no packet is treated any more as flows said before: the switch remembers what became of packets, and goes through that from time to time
   * (twice a second), or when flows change, as `touch` does.
   */
  settled(touch: () => Promise<void>, signal: AbortSignal): Promise<void>;
}

export interface ConnectionTrackingDependencies {
  readonly control: SwitchControl;
  readonly clock: Clock;
}

export function connectionTracking(
  { control, clock }: ConnectionTrackingDependencies,
  datapath: DatapathType,
): ConnectionTracking {
  return {
    async list(zone, signal) {
      const where = zone === undefined ? [] : [`zone=${zone}`];
      const text = await control.ask("dpctl/dump-conntrack", [`${datapath}@ovs-${datapath}`, ...where], signal);
      return text.split("\n").flatMap((line) => readConnection(line) ?? []);
    },
    async settled(touch, signal) {
      /**
       * All that the switch remembers. The datapath in user space needs it (Open vSwitch 3.1): behind both rounds there were ports of which it remembered that they are let through, beside
       * something wider and newer that is dropped. They stayed open for as long as somebody used them.
       */
      const forget = () => control.ask("revalidator/purge", [], signal);
      try {
        // Who has done that has seen what came before. The first round may have begun by then, and end now; not so the second.
        await touch();
        for (let round = 0; round < 2; round++) await roundOf({ control, clock }, touch, signal);
        if (datapath === "netdev") await forget();
      } catch (error) {
        if (!isHoldfastError(error, "switch_rejected")) throw error;
        // A switch with datapaths of both types cannot be waited for.
        await forget();
      }
    },
  };
}

/** Milliseconds. */
const LONGEST_PAUSE = 10;

/** Resolves when the switch has gone through what it remembers. It must be waited for before it is made to begin: it is over in a moment. */
async function roundOf(
  { control, clock }: ConnectionTrackingDependencies,
  touch: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const sent = Promise.withResolvers<void>();
  const over = control.ask("revalidator/wait", [], signal, sent.resolve);
  await Promise.race([sent.promise, over]);
  // The answer tells that the question before it has been heard.
  await Promise.race([control.ask("version", [], signal), over]);
  await touch();
  let isOver = false;
  const ended = over.finally(() => {
    isOver = true;
  });
  // The end of a round does not wake who would tell it: ovs-vswitchd sees it when it has something else to do, or half a second later.
  for (let pause = 1; !isOver; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    await Promise.race([clock.wait(pause, signal), ended]);
    if (!isOver) await Promise.race([control.ask("version", [], signal), ended]);
  }
  await ended;
}

const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, igmp: 2, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 };

/**
 * One line of `ovs-appctl dpctl/dump-conntrack`, e.g. `"udp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2),reply=(…),zone=33768"`; undefined when
 * it is none, or of no zone.
 */
export function readConnection(line: string): TrackedConnection | undefined {
  const parts = /^(\w+),orig=\(([^)]*)\).*\bzone=(\d+)(?:.*\bmark=(\d+))?/.exec(line);
  if (parts === null) return undefined;
  const [, name = "", tuple = "", zone, mark] = parts;
  const fields = new Map(tuple.split(",").map((each) => each.split("=") as [string, string]));
  const [source, destination] = [fields.get("src"), fields.get("dst")];
  // A protocol without a name is printed as its number.
  const protocol = PROTOCOLS[name] ?? Number(name);
  if (source === undefined || destination === undefined || Number.isNaN(protocol)) return undefined;
  const ends = {
    zone: Number(zone),
    source: IpAddress.parse(source),
    destination: IpAddress.parse(destination),
    protocol,
    ...(mark === undefined ? {} : { mark: Number(mark) }),
  };
  const number = (field: string): number => Number(fields.get(field) ?? 0);
  if (fields.has("type")) return { ...ends, icmp: { id: number("id"), type: number("type"), code: number("code") } };
  if (!fields.has("sport")) return ends;
  return { ...ends, sourcePort: number("sport"), destinationPort: number("dport") };
}
