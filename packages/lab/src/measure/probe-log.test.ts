import { describe, expect, test } from "vitest";
import { ANSWER_TIME, ProbeLog } from "./probe-log.ts";

/** A log of one probe per millisecond from 0; answers come after half a millisecond, except to those that are lost. */
function logOf(probes: number, isLost: (sequence: number) => boolean): ProbeLog {
  const log = new ProbeLog();
  for (let sequence = 0; sequence < probes; sequence++) {
    log.sent(sequence, sequence);
    if (!isLost(sequence)) log.answered(sequence, sequence + 0.5);
  }
  return log;
}

describe("the log of a stream of probes", () => {
  test("reports no gap when every probe is answered", () => {
    expect(logOf(100, () => false).report(100)).toEqual({
      sent: 100,
      received: 100,
      lost: 0,
      longestGapMs: 0,
      longestGapAtMs: 0,
      longestRoundTripMs: 0.5,
      longestSendPauseMs: 1,
    });
  });

  test("measures the longest gap between the probes around the lost ones", () => {
    const report = logOf(1000, (sequence) => sequence === 100 || (sequence >= 400 && sequence < 450)).report(1000);
    expect(report).toMatchObject({ sent: 1000, received: 949, lost: 51, longestGapMs: 51, longestGapAtMs: 399 });
  });

  test("does not count what was sent before the first answer", () => {
    expect(logOf(50, (sequence) => sequence < 20).report(50)).toMatchObject({ sent: 30, lost: 0, longestGapMs: 0 });
  });

  test("does not judge probes that may still be answered", () => {
    expect(logOf(100, (sequence) => sequence >= 90).report(100)).toMatchObject({ sent: 90, lost: 0, longestGapMs: 0 });
  });

  test("counts an outage that lasts up to now", () => {
    const report = logOf(1000, (sequence) => sequence >= 500).report(1000);
    expect(report).toMatchObject({ lost: 1000 - ANSWER_TIME - 500, longestGapMs: 501, longestGapAtMs: 499 });
  });

  test("shows a pause of the prober as a pause, not as a gap", () => {
    const log = new ProbeLog();
    for (const [sequence, at] of [0, 1, 81, 82].entries()) {
      log.sent(sequence, at);
      log.answered(sequence, at + 1);
    }
    expect(log.report(83)).toMatchObject({ lost: 0, longestGapMs: 0, longestSendPauseMs: 80 });
  });

  test("counts probes as lost of which only the number is known", () => {
    const log = new ProbeLog();
    for (const sequence of [0, 1, 5, 6]) {
      log.sent(sequence, sequence);
      log.answered(sequence, sequence + 0.1);
    }
    expect(log.report(7)).toMatchObject({ sent: 7, received: 4, lost: 3, longestGapMs: 4, longestGapAtMs: 1 });
  });

  test("counts an answer once, and a late one as received", () => {
    const log = logOf(10, (sequence) => sequence === 5);
    log.answered(5, 40);
    log.answered(5, 50);
    expect(log.report(60)).toMatchObject({ sent: 10, received: 10, lost: 0, longestRoundTripMs: 35 });
  });

  test("reports everything as lost when nothing was ever answered", () => {
    expect(logOf(10, () => true).report(1000)).toMatchObject({ sent: 10, received: 0, lost: 10 });
  });
});
