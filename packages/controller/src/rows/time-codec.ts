import type { Codec } from "./codec.ts";

const HOUR = 3_600_000;
/** `2026-11-20T14:` */
const HOUR_CHARACTERS = 14;

/** A time as this program writes it, e.g. `"2026-11-20T14:05:00.000Z"`, from 1970 on; another spelling does not fit. Six bytes. */
export function createTimeCodec(): Codec<string> {
  // Times that are written or read one after the other are mostly of one hour, and dates are slow to read and to write.
  let hour = { start: 0, text: "1970-01-01T00:" };

  function parse(text: string): number | undefined {
    if (text.length !== 24) return undefined;
    if (!text.startsWith(hour.text)) {
      const start = Date.parse(`${text.slice(0, HOUR_CHARACTERS)}00:00.000Z`);
      // The second half of the test: dates that there are not, such as the 30th of February, become others.
      if (!(start >= 0) || !new Date(start).toISOString().startsWith(text.slice(0, HOUR_CHARACTERS))) return undefined;
      hour = { start, text: text.slice(0, HOUR_CHARACTERS) };
    }
    const minutes = digits(text, 14, 2);
    const seconds = digits(text, 17, 2);
    const milliseconds = digits(text, 20, 3);
    if (minutes > 59 || seconds > 59 || milliseconds > 999) return undefined;
    if (text[16] !== ":" || text[19] !== "." || text[23] !== "Z") return undefined;
    return hour.start + (minutes * 60 + seconds) * 1000 + milliseconds;
  }

  return {
    fits: (value) => typeof value === "string" && parse(value) !== undefined,
    write: (row, value) => row.whole(parse(value) ?? 0),

    read(row) {
      const time = row.whole();
      const within = time - hour.start;
      if (within >= 0 && within < HOUR) return hour.text + withinHour(within);
      const text = new Date(time).toISOString();
      hour = { start: time - (time % HOUR), text: text.slice(0, HOUR_CHARACTERS) };
      return text;
    },

    skip: (row) => row.skipWhole(),
  };
}

/** More than any number of so many digits when there is something else than digits. */
function digits(text: string, start: number, count: number): number {
  let value = 0;
  for (let index = start; index < start + count; index++) {
    const digit = text.charCodeAt(index) - 48;
    if (!(digit >= 0 && digit <= 9)) return 1000;
    value = value * 10 + digit;
  }
  return value;
}

/** `05:00.000Z` */
function withinHour(milliseconds: number): string {
  const minute = Math.floor(milliseconds / 60_000);
  const second = Math.floor((milliseconds % 60_000) / 1000);
  const rest = milliseconds % 1000;
  return `${padded(minute, 2)}:${padded(second, 2)}.${padded(rest, 3)}Z`;
}

function padded(value: number, width: number): string {
  return String(value).padStart(width, "0");
}
