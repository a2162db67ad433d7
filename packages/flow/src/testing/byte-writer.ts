/** Appends big-endian numbers; small and slow, for tests. */
export interface ByteWriter {
  u8(...values: readonly number[]): ByteWriter;
  u16(...values: readonly number[]): ByteWriter;
  u32(...values: readonly number[]): ByteWriter;
  bytes(bytes: Uint8Array): ByteWriter;
  finish(): Uint8Array;
}

export function createByteWriter(): ByteWriter {
  const written: number[] = [];
  const append = (size: number, values: readonly number[]): ByteWriter => {
    for (const value of values) {
      for (let shift = 8 * (size - 1); shift >= 0; shift -= 8) written.push(Math.floor(value / 2 ** shift) & 0xff);
    }
    return writer;
  };
  const writer: ByteWriter = {
    u8: (...values) => append(1, values),
    u16: (...values) => append(2, values),
    u32: (...values) => append(4, values),
    bytes: (bytes) => append(1, [...bytes]),
    finish: () => Uint8Array.from(written),
  };
  return writer;
}
