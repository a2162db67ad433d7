/** `"0:1001"`: the enterprise and its format. */
export function formatName(format: number): string {
  return `${format >>> 12}:${format & 0xfff}`;
}
