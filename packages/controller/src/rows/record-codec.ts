import type { Codec } from "./codec.ts";
import type { RowReader } from "./row-reader.ts";
import type { RowWriter } from "./row-writer.ts";

/** How an object lies in a row: which fields it has, fields without a codec as JSON, then the others in the order of their codecs. */
export interface RecordCodec extends Codec<object> {
  /** Writes without the fields that are in `given`, and just so. */
  writeBeyond(row: RowWriter, value: object, given: object): void;
  /** Adds to `given` what was written beyond it; gives the same object. */
  readOnto(row: RowReader, given: object): object;
  /** Reads only these fields, those of them that there are, and leaves the row somewhere in the middle. */
  picker(names: readonly string[]): (row: RowReader) => object;
  /** Goes on to the first field that has a codec; false when it is absent. */
  findFirst(row: RowReader): boolean;
}

type Fields = { [name: string]: unknown };

const NOTHING: Fields = {};
/** Of the number that comes first. */
const HAS_REST = 1;
const HAS_FIRST = 2;

/** At most 30 fields. An undefined field is an absent one, as in JSON. */
export function record(fields: { readonly [name: string]: Codec<unknown> }): RecordCodec {
  const fieldNames = Object.keys(fields);
  const codecs = Object.values(fields);
  const places = new Map(fieldNames.map((name, place) => [name, place]));

  const codec: RecordCodec = {
    fits: (value) => typeof value === "object" && value !== null && !Array.isArray(value),

    write: (row, value) => codec.writeBeyond(row, value, NOTHING),
    read: (row) => codec.readOnto(row, {}),

    writeBeyond(row, value, given) {
      let present = 0;
      const rest: [string, unknown][] = [];
      for (const name of Object.keys(value)) {
        const field = (value as Fields)[name];
        if (field === undefined || field === (given as Fields)[name]) continue;
        const place = places.get(name);
        if (place !== undefined && codecs[place]?.fits(field) === true) present |= HAS_FIRST << place;
        else rest.push([name, field]);
      }
      row.whole(rest.length === 0 ? present : present | HAS_REST);
      if (rest.length > 0) row.json(rest);
      for (let place = 0; place < codecs.length; place++) {
        if ((present & (HAS_FIRST << place)) !== 0) {
          codecs[place]?.write(row, (value as Fields)[fieldNames[place] as string], value);
        }
      }
    },

    readOnto(row, given) {
      const present = row.whole();
      const value = given as Fields;
      if ((present & HAS_REST) !== 0)
        for (const [name, field] of row.json() as [string, unknown][]) define(value, name, field);
      for (let place = 0; place < codecs.length; place++) {
        if ((present & (HAS_FIRST << place)) !== 0)
          value[fieldNames[place] as string] = codecs[place]?.read(row, value);
      }
      return value;
    },

    picker(names) {
      const wanted = fieldNames.reduce(
        (bits, name, place) => (names.includes(name) ? bits | (HAS_FIRST << place) : bits),
        0,
      );
      return (row) => {
        const present = row.whole();
        const value: Fields = {};
        if ((present & HAS_REST) !== 0) {
          for (const [name, field] of row.json() as [string, unknown][]) {
            if (names.includes(name)) define(value, name, field);
          }
        }
        // Up to the last one that is wanted and there.
        for (let place = 0; (present & wanted) >= HAS_FIRST << place; place++) {
          const bit = HAS_FIRST << place;
          if ((present & wanted & bit) !== 0) value[fieldNames[place] as string] = codecs[place]?.read(row, value);
          else if ((present & bit) !== 0) codecs[place]?.skip(row);
        }
        return value;
      };
    },

    skip(row) {
      const present = row.whole();
      if ((present & HAS_REST) !== 0) row.skipText();
      for (let place = 0; place < codecs.length; place++) {
        if ((present & (HAS_FIRST << place)) !== 0) codecs[place]?.skip(row);
      }
    },

    findFirst(row) {
      const present = row.whole();
      if ((present & HAS_REST) !== 0) row.skipText();
      return (present & HAS_FIRST) !== 0;
    },
  };
  return codec;
}

/** Also when it is called `__proto__`. */
function define(value: Fields, name: string, field: unknown): void {
  Object.defineProperty(value, name, { value: field, configurable: true, enumerable: true, writable: true });
}
