import { createKeyIndex } from "../numbers/key-index.ts";

/** Ports by which packets come to a node from endpoints of others. */
export interface Uplinks {
  add(node: number, ifIndex: number): void;
  has(node: number, ifIndex: number): boolean;
}

/** A node has few; interfaces that have come and gone are not worth forgetting. */
const MOST = 100_000;

export function createUplinks(): Uplinks {
  const ports = createKeyIndex(2, MOST);
  const port = new Uint32Array(2);
  const key = (node: number, ifIndex: number): Uint32Array => {
    port[0] = node;
    port[1] = ifIndex;
    return port;
  };
  return {
    add: (node, ifIndex) => void ports.find(key(node, ifIndex), 0),
    has: (node, ifIndex) => ports.get(key(node, ifIndex), 0) >= 0,
  };
}
