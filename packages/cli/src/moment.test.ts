import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { momentText, parseMoment } from "./moment.ts";

const zone = process.env.TZ;
beforeAll(() => {
  process.env.TZ = "Europe/Zurich";
});
afterAll(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

/** Saturday, 10:05 in Zurich. */
const NOW = new Date("2026-11-21T09:05:00Z");

describe("a moment of the past, as people write it", () => {
  test.for([
    ["2026-11-17T14:05:00Z", "2026-11-17T14:05:00.000Z"],
    ["2026-11-17T14:05:00+02:00", "2026-11-17T12:05:00.000Z"],
    ["2026-11-17 14:05", "2026-11-17T13:05:00.000Z"],
    ["2026-11-17T14:05:30", "2026-11-17T13:05:30.000Z"],
    ["2026-11-17", "2026-11-16T23:00:00.000Z"],
    ["2026-07-01 12:00", "2026-07-01T10:00:00.000Z"],
    ["yesterday 14:05", "2026-11-20T13:05:00.000Z"],
    ["Yesterday", "2026-11-19T23:00:00.000Z"],
    ["09:00", "2026-11-21T08:00:00.000Z"],
    ["today 9:00:01", "2026-11-21T08:00:01.000Z"],
    ["tuesday 14:05", "2026-11-17T13:05:00.000Z"],
    ["last tue 14:05", "2026-11-17T13:05:00.000Z"],
    ["saturday 10:00", "2026-11-21T09:00:00.000Z"],
    ["saturday 10:30", "2026-11-14T09:30:00.000Z"],
    ["last saturday 10:00", "2026-11-14T09:00:00.000Z"],
    ["2h ago", "2026-11-21T07:05:00.000Z"],
    ["1d12h", "2026-11-19T21:05:00.000Z"],
    ["3 days ago", "2026-11-18T09:05:00.000Z"],
    ["1 hour 5 minutes ago", "2026-11-21T08:00:00.000Z"],
    ["now", "2026-11-21T09:05:00.000Z"],
  ] as const)("%s", ([text, moment]) => {
    expect(parseMoment(text, NOW).toISOString()).toBe(moment);
  });

  test.for([
    ["noon", "is no moment of the past: write for example"],
    ["25:00", "write for example"],
    ["2026-02-30 10:00", "there is no such day or time in this time zone"],
    ["2026-02-30T10:00:00Z", "write for example"],
    ["2026-03-29 02:30", "there is no such day or time in this time zone"],
    ["11:00", "it is still to come: Saturday 2026-11-21 11:00:00 +01:00"],
    ["2027-01-01", "it is still to come"],
  ] as const)("not %s", ([text, why]) => {
    expect(() => parseMoment(text, NOW)).toThrow(why);
  });

  test("is said again with its day and offset", () => {
    expect(momentText(parseMoment("tuesday 14:05", NOW))).toBe("Tuesday 2026-11-17 14:05:00 +01:00");
    expect(momentText(parseMoment("2026-07-01 12:00", NOW))).toBe("Wednesday 2026-07-01 12:00:00 +02:00");
  });
});
