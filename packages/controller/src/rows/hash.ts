/** 32 bits that depend on every bit of a run of bytes: FNV-1a, stirred at the end so that the high bits are as good as the low ones. */
export function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let index = start; index < end; index++) hash = Math.imul(hash ^ (bytes[index] ?? 0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Whether `bytes` has from `start` on the same as `run` has from its beginning, for `length` bytes. */
export function hasRun(bytes: Uint8Array, start: number, run: Uint8Array, length: number): boolean {
  for (let index = 0; index < length; index++) if (bytes[start + index] !== run[index]) return false;
  return true;
}
