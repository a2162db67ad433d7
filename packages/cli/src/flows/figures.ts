const STEPS = ["", "k", "M", "G", "T", "P"] as const;

/** `"1.25 G"`, with three figures; SI steps of 1000. */
function scaled(value: number): string {
  let [rest, step] = [value, 0];
  while (rest >= 999.5 && step < STEPS.length - 1) [rest, step] = [rest / 1000, step + 1];
  const digits = rest >= 99.95 || (step === 0 && Number.isInteger(rest)) ? 0 : rest >= 9.995 ? 1 : 2;
  return `${rest.toFixed(digits)} ${STEPS[step]}`;
}

/** `"1.25 GB"`. */
export function bytesText(bytes: number): string {
  return `${scaled(bytes)}B`;
}

/** `"12.5 k"`. */
export function countText(count: number): string {
  return scaled(count).trim();
}

/** Of bytes in seconds as `"12.0 Mbit/s"`, of packets as `"340 /s"`. */
export function rateText(amount: number, seconds: number, measure: "bytes" | "packets"): string {
  if (seconds === 0) return "";
  return measure === "bytes" ? `${scaled((amount * 8) / seconds)}bit/s` : `${scaled(amount / seconds)}/s`;
}

/** `"± 12 %"`; `"exact"` where every packet was sampled; empty for nothing. */
export function errorMargin({
  samples,
  errorPercent,
}: {
  readonly samples: number;
  readonly errorPercent: number;
}): string {
  if (samples === 0) return "";
  return errorPercent === 0 ? "exact" : `±${percentText(errorPercent)}`;
}

/** `"12.3%"`. */
export function percentText(percent: number): string {
  return `${percent.toFixed(percent >= 99.95 || percent === 0 ? 0 : 1)}%`;
}

/** `"+12.0%"`; `"new"` where there was nothing before. */
export function changeText(now: number, before: number): string {
  if (before === 0) return now === 0 ? "" : "new";
  const percent = (100 * (now - before)) / before;
  return `${percent >= 0 ? "+" : ""}${percent.toFixed(Math.abs(percent) >= 99.95 ? 0 : 1)}%`;
}

/** `"1,234,567"`, whatever the machine's language is. */
export function grouped(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}
