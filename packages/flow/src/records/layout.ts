import { assert } from "@holdfast/core";

/**
 * How a value is written, in XDR (RFC 4506), and what it is read as:
 *
 * | type | bytes | value |
 * |---|---|---|
 * | `u32`, `i32`, `u64` | 4, 4, 8 | number, number, bigint |
 * | `c32`, `c64` | 4, 8 | counter: number, bigint; all ones say unknown: null |
 * | `g32`, `g64` | 4, 8 | gauge, which may fall as well: the same |
 * | `f32` | 4 | number; negative says unknown: null |
 * | `percent` | 4 | hundredths of a percent as percent, e.g. 72.63; all ones say unknown: null |
 * | `u8` | 1 | number |
 * | `mac` | 8 | text; the last two bytes pad |
 * | `ipv4`, `ipv6` | 4, 16 | text |
 * | `address` | 4, 8 or 20 | text of either family; null when there is none |
 * | `hex64` | 8 | 16 digits, e.g. a datapath id |
 * | `uuid` | 16 | text |
 * | `string` | 4 and more | text |
 * | `opaque` | 4 and more | digits of its bytes |
 */
export type ScalarType = keyof typeof LEAST_BYTES;

/** A list is its number of elements and then these. */
export type FieldType = ScalarType | { readonly list: FieldType } | { readonly fields: readonly Field[] };

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  /** Only newer agents send it, always at the end. */
  readonly optional: boolean;
}

/** The fields of one record format. */
export interface RecordLayout {
  /** `data_format`: enterprise << 12 | format. */
  readonly format: number;
  /** The specification's name, e.g. `"extended_switch"`. */
  readonly name: string;
  readonly fields: readonly Field[];
  /** Bytes of a record whose texts and lists are empty. */
  readonly leastBytes: number;
}

const LEAST_BYTES = {
  u8: 1,
  u32: 4,
  i32: 4,
  u64: 8,
  c32: 4,
  c64: 8,
  g32: 4,
  g64: 8,
  f32: 4,
  percent: 4,
  mac: 8,
  ipv4: 4,
  ipv6: 16,
  address: 4,
  hex64: 8,
  uuid: 16,
  string: 4,
  opaque: 4,
} as const;

/**
 * Reads layouts from text, a line each: `FORMAT name: field type, field type?, field [type], field [field type, field type]`. `FORMAT` is the
 * number of the standard's enterprise, or `ENTERPRISE:NUMBER`; `?` marks what only newer agents send; brackets are lists.
 */
export function layouts(text: string): readonly RecordLayout[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map(layoutOf);
}

function layoutOf(line: string): RecordLayout {
  const [, enterprise = "0", number = "", name = "", text = ""] = /^(?:(\d+):)?(\d+) (\w+): (.+)$/.exec(line) ?? [];
  assert(name !== "", `a layout reads FORMAT name: fields, not ${line}`);
  const fields = fieldsOf(text);
  return { format: Number(enterprise) * 4096 + Number(number), name, fields, leastBytes: leastOf(fields) };
}

function fieldsOf(text: string): readonly Field[] {
  return splitOutside(text).map((part) => {
    const [, name = "", type = "", mark] = /^(\w+) (.+?)(\?)?$/.exec(part) ?? [];
    return { name, type: typeOf(type), optional: mark !== undefined };
  });
}

function typeOf(text: string): FieldType {
  const [, inner] = /^\[(.*)\]$/.exec(text) ?? [];
  if (inner !== undefined) return { list: inner.includes(" ") ? { fields: fieldsOf(inner) } : typeOf(inner) };
  assert(Object.hasOwn(LEAST_BYTES, text), `a field's type is one of those of ScalarType, not ${text}`);
  return text as ScalarType;
}

/** At commas that stand in no bracket. */
function splitOutside(text: string): readonly string[] {
  const parts = [""];
  let depth = 0;
  for (const sign of text) {
    if (sign === "[") depth++;
    if (sign === "]") depth--;
    if (sign === "," && depth === 0) parts.push("");
    else parts.push(`${parts.pop() ?? ""}${sign}`);
  }
  return parts.map((part) => part.trim());
}

function leastOf(fields: readonly Field[]): number {
  return fields.filter(({ optional }) => !optional).reduce((sum, { type }) => sum + leastOfType(type), 0);
}

/** The bytes that a value of the type takes at least. */
export function leastOfType(type: FieldType): number {
  if (typeof type === "string") return LEAST_BYTES[type];
  return "list" in type ? 4 : leastOf(type.fields);
}
