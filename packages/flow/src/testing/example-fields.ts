import type { FieldValue, RecordFields } from "../describe/record.ts";
import type { FieldType, RecordLayout, ScalarType } from "../records/layout.ts";

/** Values that differ from field to field, so that none can be taken for another. */
export function exampleFields(layout: RecordLayout): RecordFields {
  let count = 0;
  const scalar = (type: ScalarType): FieldValue => {
    const number = ++count;
    const digits = (length: number) => number.toString(16).padStart(length, "0");
    switch (type) {
      case "u64":
      case "c64":
      case "g64":
        return 2n ** 63n + BigInt(number);
      case "f32":
        return number / 4;
      case "percent":
        return number + 0.25;
      case "i32":
        return -number;
      case "mac":
        return `02:00:00:00:00:${digits(2)}`;
      case "ipv4":
        return `10.0.0.${number}`;
      case "ipv6":
      case "address":
        return `fd00::${number.toString(16)}`;
      case "hex64":
        return digits(16);
      case "uuid":
        return `00112233-4455-6677-8899-${digits(12)}`;
      case "string":
        return `text ${"ä".repeat(number % 4)}${number}`;
      case "opaque":
        return digits(2);
      default:
        return number;
    }
  };
  const value = (type: FieldType): FieldValue => {
    if (typeof type === "string") return scalar(type);
    if ("list" in type) return [value(type.list), value(type.list)];
    return Object.fromEntries(type.fields.map((field) => [field.name, value(field.type)]));
  };
  return Object.fromEntries(layout.fields.map(({ name, type }) => [name, value(type)]));
}
