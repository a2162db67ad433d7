import { KEY_FLAGS } from "./key.ts";

/** Where the reading of one packet is. One object is used again for all packets. */
export interface Cursor {
  view: DataView;
  /** The next byte. */
  at: number;
  /** Behind the last byte. */
  end: number;
  /** Holds the keys. */
  readonly words: Uint32Array;
  /** First word of the key that is being written. */
  key: number;
  /** How deep in tunnels: 0 is outside all. */
  depth: number;
}

/** What a layer's reader returns: which layer begins where the cursor then is. */
export type Layer = number;
export const END = 0;
export const LAYER_ETHERNET = 1;
export const LAYER_IPV4 = 2;
export const LAYER_IPV6 = 3;
export const LAYER_MPLS = 4;
export const LAYER_ARP = 5;
export const LAYER_TRANSPORT = 6;
export const LAYER_PPP = 7;

export function createCursor(words: Uint32Array): Cursor {
  return { view: new DataView(new ArrayBuffer(0)), at: 0, end: 0, words, key: 0, depth: 0 };
}

/** Sets a flag of the key. */
export function mark(cursor: Cursor, flag: number): void {
  const { words, key } = cursor;
  words[key + KEY_FLAGS] = (words[key + KEY_FLAGS] ?? 0) | flag;
}

/** Sets a flag of the key and ends the reading. */
export function stop(cursor: Cursor, flag: number): Layer {
  mark(cursor, flag);
  return END;
}
