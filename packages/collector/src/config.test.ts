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
    ["redis://user:123?hidden@192.0.2.7:6379", "neither ? nor # belongs to it; in a password they are %3F and %23"],
    ["redis://user:123#hidden@192.0.2.7:6379", "neither ? nor # belongs to it; in a password they are %3F and %23"],
  ])("%s is refused, and not told again", (text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: "invalid_argument", message }) as Error);
  });
});

test("the address of the controller has no password in it, which logs would tell", () => {
  expect(() => collectorOptions.server.parse("http://user:hidden@192.0.2.7:4653")).toThrow(
    "an address has no password in it; say who asks by --controller-token",
  );
});

describe("the addresses of OpenSearch", () => {
  const { parse } = collectorOptions.opensearch;

  test("several are taken", () => {
    expect(parse("https://192.0.2.7:9200, http://[2001:db8::1]:9200/")?.map(({ origin }) => origin)).toEqual([
      "https://192.0.2.7:9200",
      "http://[2001:db8::1]:9200",
    ]);
  });

  const form = "not http://HOST:PORT or https://HOST:PORT, with commas between";
  test.each([
    ["ftp://elastic:hidden@192.0.2.7:9200", form],
    ["elastic:hidden@192.0.2.7:9200", form],
    ["https://elastic:hidden,too@192.0.2.7:9200", form],
    [
      "https://elastic:hidden@192.0.2.7:9200",
      "an address has no password in it; say who asks by --opensearch-user and --opensearch-password-file",
    ],
    ["https://elastic:12/hidden@192.0.2.7:9200", "an address ends with its port; leave out the path behind it"],
    ["https://elastic:12#hidden@192.0.2.7:9200", "an address ends with its port; leave out the path behind it"],
  ])("%s is refused, and not told again", (text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: "invalid_argument", message }) as Error);
  });
});
