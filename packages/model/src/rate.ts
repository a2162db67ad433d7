import { HoldfastError } from "@holdfast/core";

const RATES = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 } as const;
const SIZES = { b: 1, kb: 1e3, mb: 1e6, kib: 1024, mib: 1024 ** 2 } as const;

/** The least that an endpoint can live with, bits per second: less could not even find its neighbours. */
const LEAST_RATE = 64_000;
/** Bits per second. */
const MOST_RATE = 400e9;
/** Bytes: one frame of the largest MTU. */
const LEAST_BURST = 9234;
/** Bytes. */
const MOST_BURST = 64 * 1024 ** 2;

/** Bits per second as people write them: `100Mbit`, `1.5Gbit`, `64kbit`; decimal, as everywhere in networks. @throws HoldfastError `invalid_argument`. */
export function parseRate(text: string): number {
  const rate = amountOf(text, RATES);
  if (rate !== undefined && rate >= LEAST_RATE && rate <= MOST_RATE) return rate;
  throw invalid(`${JSON.stringify(text)} is no rate from 64kbit to 400Gbit; write e.g. 100Mbit, 1Gbit or 1.5Gbit`);
}

/** `100000000` gives `"100Mbit"`. */
export function rateText(rate: number): string {
  if (rate % 1e9 === 0) return `${rate / 1e9}Gbit`;
  if (rate % 1e6 === 0) return `${rate / 1e6}Mbit`;
  return rate % 1e3 === 0 ? `${rate / 1e3}kbit` : `${rate}bit`;
}

/** Bytes as people write them: `64KiB`, `1MiB`, `100kB`, `65536B`. @throws HoldfastError `invalid_argument`. */
export function parseBurst(text: string): number {
  const burst = amountOf(text, SIZES);
  if (burst !== undefined && burst >= LEAST_BURST && burst <= MOST_BURST) return burst;
  throw invalid(`${JSON.stringify(text)} is no burst from 9234B to 64MiB; write e.g. 64KiB, 1MiB or 100kB`);
}

/** `65536` gives `"64KiB"`. */
export function burstText(burst: number): string {
  if (burst % 1024 ** 2 === 0) return `${burst / 1024 ** 2}MiB`;
  if (burst % 1024 === 0) return `${burst / 1024}KiB`;
  return burst % 1000 === 0 ? `${burst / 1000}kB` : `${burst}B`;
}

/** Bytes that may go at once when nobody has said how many: what the rate is in two milliseconds, and at least one segment of 64 KiB. */
export function defaultBurst(rate: number): number {
  return Math.min(MOST_BURST, Math.max(64 * 1024, Math.ceil(rate / 8 / 500)));
}

/** Of whole bits or bytes; undefined: it is none. */
function amountOf(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, digits = "", unit = ""] = /^(\d{1,15}(?:\.\d{1,9})?)([A-Za-z]+)$/.exec(text) ?? [];
  const factor = units[unit.toLowerCase()];
  if (factor === undefined) return undefined;
  const amount = Math.round(Number(digits) * factor * 1e6) / 1e6;
  return Number.isSafeInteger(amount) ? amount : undefined;
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("invalid_argument", message);
}
