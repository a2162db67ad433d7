import { describe, expect, test } from "vitest";
import { collectorOptions } from "./config.ts";

describe("the address of Redis", () => {
  const { parse } = collectorOptions.redis;

  test.each(["redis://192.0.2.7", "rediss://user:secret@redis.example:6380/2", "redis://[2001:db8::1]:6379/"])(
    "%s is taken",
    (text) => {
      expect(parse(text)).toBe(text);
    },
  );

  test.each([
    ["http://192.0.2.7:6379", "not redis://HOST:PORT or rediss://HOST:PORT"],
    ["redis://:hidden@192.0.2.7:6379/flows", "what follows the port is the number of a database, e.g. /2"],
  ])("%s is refused, and not told again", (text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: "invalid_argument", message }) as Error);
  });
});
