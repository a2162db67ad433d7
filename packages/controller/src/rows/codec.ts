import type { RowReader } from "./row-reader.ts";
import type { RowWriter } from "./row-writer.ts";

/** How a field lies in a row. */
export interface Codec<T> {
  /** Whether reading gives just what was written. What does not fit is kept as JSON. */
  fits(value: unknown): boolean;
  /** `record` is what the field belongs to, for values that follow from others. */
  write(row: RowWriter, value: T, record: object): void;
  /** `record` has the fields before this one. */
  read(row: RowReader, record: object): T;
  /** Goes on to behind the value. */
  skip(row: RowReader): void;
}

/** A whole number from 0 on. */
export const whole: Codec<number> = {
  fits: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  write: (row, value) => row.whole(value),
  read: (row) => row.whole(),
  skip: (row) => row.skipWhole(),
};

/** Text that no other row has. */
export const text: Codec<string> = {
  fits: (value) => typeof value === "string" && value.isWellFormed(),
  write: (row, value) => row.text(value),
  read: (row) => row.text(),
  skip: (row) => row.skipText(),
};

/** A JSON value that many rows have in common. */
export const word: Codec<unknown> = {
  fits: (value) => value !== undefined,
  write: (row, value) => row.word(value),
  read: (row) => row.word(),
  skip: (row) => row.skipWord(),
};

export function list<T>(item: Codec<T>): Codec<readonly T[]> {
  return {
    fits: (value) => Array.isArray(value) && value.every((one) => item.fits(one)),
    write(row, values, record) {
      row.whole(values.length);
      for (const value of values) item.write(row, value, record);
    },

    read(row, record) {
      const values: T[] = [];
      for (let left = row.whole(); left > 0; left--) values.push(item.read(row, record));
      return values;
    },

    skip(row) {
      for (let left = row.whole(); left > 0; left--) item.skip(row);
    },
  };
}
