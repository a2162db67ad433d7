import { IpAddress } from "@holdfast/core";
import type { Codec } from "./codec.ts";
import type { RowWriter } from "./row-writer.ts";

/** An address as the number of its bytes and the bytes: 5 or 17 in all. */
export const address: Codec<IpAddress> = {
  fits: (value) =>
    typeof value === "string" &&
    (IpAddress.toV4Number(value) !== undefined || (value.includes(":") && IpAddress.tryParse(value) === value)),

  write: writeAddress,

  read(row) {
    const length = row.byte();
    if (length === 4) {
      return IpAddress.fromV4Number((row.byte() << 24) | (row.byte() << 16) | (row.byte() << 8) | row.byte());
    }
    const start = row.position;
    row.position += length;
    return IpAddress.fromBytes(row.bytes.subarray(start, row.position));
  },

  skip(row) {
    const length = row.byte();
    row.position += length;
  },
};

export function writeAddress(row: RowWriter, value: IpAddress): void {
  const number = IpAddress.toV4Number(value);
  if (number === undefined) {
    row.byte(16);
    for (const byte of IpAddress.toBytes(value)) row.byte(byte);
  } else {
    row.byte(4);
    for (let shift = 24; shift >= 0; shift -= 8) row.byte((number >>> shift) & 255);
  }
}
