import { IpAddress, MacAddress } from "@holdfast/core";
import type { Codec } from "./codec.ts";
import type { RowReader } from "./row-reader.ts";

const CHOSEN = 0;
const DERIVED = 1;

/** A MAC in two bytes when it follows from the record's first address ({@link MacAddress.ofAddress}), else in seven. */
export const mac: Codec<MacAddress> = {
  fits: (value) => typeof value === "string" && /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(value),

  write(row, value, record) {
    const segment = Number.parseInt(value.slice(3, 5), 16);
    if (ofFirstAddress(record, segment) === value) {
      row.byte(DERIVED);
      row.byte(segment);
    } else {
      row.byte(CHOSEN);
      for (const byte of MacAddress.toBytes(value)) row.byte(byte);
    }
  },

  read(row, record) {
    const derived = row.byte() === DERIVED ? ofFirstAddress(record, row.byte()) : undefined;
    return derived ?? chosen(row);
  },

  skip(row) {
    const bytes = row.byte() === DERIVED ? 1 : 6;
    row.position += bytes;
  },
};

function chosen(row: RowReader): MacAddress {
  return MacAddress.fromBytes(Uint8Array.from({ length: 6 }, () => row.byte()));
}

function ofFirstAddress(record: object, segment: number): MacAddress | undefined {
  const { addresses } = record as { readonly addresses?: unknown };
  const first: unknown = Array.isArray(addresses) ? addresses[0] : undefined;
  const address = typeof first === "string" ? IpAddress.tryParse(first) : undefined;
  return address === undefined ? undefined : MacAddress.ofAddress(address, segment);
}
