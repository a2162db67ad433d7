/** For tests: bytes from hex with a remark after each field: `bytes("0800 length 8", "0100 RTA_DST", "0a010002")`. */
export function bytes(...fields: readonly string[]): Uint8Array {
  return Uint8Array.from(Buffer.from(fields.map((field) => field.split(" ", 1)[0]).join(""), "hex"));
}
