import type { PortRange } from "@holdfast/policy";

/** An aligned block of ports: those whose bits under the mask are those of the value. */
export interface PortMask {
  readonly value: number;
  readonly mask: number;
}

const ALL = 0xffff;

/** The fewest blocks that have exactly the ports of a range: at most 30, for 1 to 65534. */
export function portMasks({ first, last }: PortRange): readonly PortMask[] {
  const masks: PortMask[] = [];
  for (let port = first; port <= last; ) {
    let size = port === 0 ? ALL + 1 : port & -port;
    while (port + size - 1 > last) size >>= 1;
    masks.push({ value: port, mask: ALL & ~(size - 1) });
    port += size;
  }
  return masks;
}
