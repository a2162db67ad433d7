import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

/**
 * While a simulation runs, the machine's time and chance are out of reach: who asks for them is told so. Gives what puts them back.
 */
export function forbidTimeAndChance(): () => void {
  const real = { Date: globalThis.Date, random: Math.random, setTimeout, setInterval, timeout: AbortSignal.timeout };
  const { randomBytes, randomUUID } = crypto;
  const refuse = (what: string) => () => {
    throw new TypeError(`${what} in a simulation: take it from the dependencies`);
  };
  class InjectedDate extends Date {
    constructor(...given: [] | [number]) {
      if (given.length === 0) refuse("the time of the machine")();
      super(...(given as [number]));
    }
    static override now(): number {
      return refuse("the time of the machine")();
    }
  }
  globalThis.Date = InjectedDate as DateConstructor;
  Math.random = refuse("chance of the machine");
  globalThis.setTimeout = refuse("a timer of the machine") as unknown as typeof setTimeout;
  globalThis.setInterval = refuse("a timer of the machine") as unknown as typeof setInterval;
  AbortSignal.timeout = refuse("a timer of the machine");
  crypto.randomBytes = refuse("chance of the machine") as typeof randomBytes;
  crypto.randomUUID = refuse("chance of the machine");
  syncBuiltinESMExports();
  return () => {
    globalThis.Date = real.Date;
    Math.random = real.random;
    globalThis.setTimeout = real.setTimeout;
    globalThis.setInterval = real.setInterval;
    AbortSignal.timeout = real.timeout;
    crypto.randomBytes = randomBytes;
    crypto.randomUUID = randomUUID;
    syncBuiltinESMExports();
  };
}
