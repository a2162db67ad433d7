import { roomAt } from "./queues.ts";

/*
 * A flow that needs little of its endpoint's guarantee need not wait in the tree: a part of each guarantee is set aside, which the tree does not give out, and what stays within
 * that part goes its own way. It must not overtake what waits of its flow, so a flow that has been in the tree stays there until it has paused for TIMEOUT, and by
 * then its last packet is gone: what may wait in a class leaves at the guaranteed rate in EMPTY_WITHIN (in a queue per flow codel sees to it that nothing waits for
 * so long), and the rest of TIMEOUT is for timers that are late, and for the ifb and its tasklet behind the tree.
 */

/** The part of a guarantee that is set aside. */
const SHARE = 0.1;
/** Seconds. */
const TIMEOUT = 2;
/** Seconds. */
const EMPTY_WITHIN = TIMEOUT / 2;
/** Bytes. A limit of bytes lets a second of its rate go at once (nft_limit.c), one of packets does not: what is counted is cells, as many of them as a packet fills. */
const CELL = 256;
/** Cells that may go past the tree at once: 4 KiB, a short answer. */
const CELLS = 16;
/** Flows are told apart by a hash: two that have the same stay in the tree together. */
const HASHES = 65_536;
const FLOW = `symhash mod ${HASHES}`;
/** Each hash can be there twice: what has timed out counts until it is collected, once a second. */
const FLOWS = 2 * HASHES;

/** Cells per second of a guarantee that go past the tree. Undefined where it is so small that two segments of 64 KiB take too long to leave: there all waits. */
export function paceOf(rate: number): number | undefined {
  return emptiedInTime(rate) < roomAt(0) ? undefined : Math.floor((rate * SHARE) / 8 / CELL);
}

/** Bits per second that are set aside for so many cells per second. */
export function rateOfPace(pace: number): number {
  return pace * CELL * 8;
}

/** Bits per second that a guarantee takes of the uplink: the tree gives out all of it, and what goes past the tree comes on top. */
export function takenBy(rate: number): number {
  return rate + rateOfPace(paceOf(rate) ?? 0);
}

/** Bytes that may wait in the class of a guarantee. */
export function guaranteedRoom(rate: number, ceiling: number): number {
  return paceOf(rate) === undefined ? roomAt(ceiling) : Math.min(roomAt(ceiling), emptiedInTime(rate));
}

function emptiedInTime(rate: number): number {
  return Math.floor((rate / 8) * EMPTY_WITHIN);
}

/** What an element of the set of limits says. */
export function paceText(pace: number): string {
  return `limit rate over ${pace}/second burst ${CELLS} packets`;
}

/** Sets and chains: whose class is in `quick` comes to `bypass`, and goes on from there or waits in the ifb. */
export function bypassBody(ifb: string): string {
  const above = "meta priority @above goto waiting";
  const cells = Array.from({ length: CELLS - 1 }, (_, index) => `meta length > ${(index + 1) * CELL} ${above}`);
  return [
    "  set quick { type classid; }\n",
    // Elements may have limits of their own if their set has one.
    "  set above { type classid; limit rate over 1/second; }\n",
    `  set flowing { typeof ${FLOW}; size ${FLOWS}; flags dynamic,timeout; timeout ${TIMEOUT}s; }\n`,
    chain("waiting", `update @flowing { ${FLOW} }`, `fwd to "${ifb}"`),
    chain("cells", ...cells),
    chain(
      "bypass",
      // What waits anyway leaves the limit to others.
      `${FLOW} @flowing goto waiting`,
      `meta length > ${CELL * CELLS} goto waiting`,
      above,
      `meta length > ${CELL} jump cells`,
    ),
  ].join("");
}

function chain(name: string, ...rules: readonly string[]): string {
  return `  chain ${name} {\n${rules.map((rule) => `    ${rule}\n`).join("")}  }\n`;
}
