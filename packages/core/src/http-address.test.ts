import { describe, expect, test } from "vitest";
import { parseHttpAddress } from "./http-address.ts";

describe("the address of a program", () => {
  test.each(["http://127.0.0.1:4653", "https://holdfast.example/behind/", "http://[2001:db8::1]:4653"])(
    "%s is taken as it is",
    (text) => {
      expect(parseHttpAddress(text, "--token")).toBe(text);
    },
  );

  test.each([
    ["redis://:hidden@192.0.2.7", "not an address like http://127.0.0.1:4653"],
    ["hidden@192.0.2.7:4653", "not an address like http://127.0.0.1:4653"],
    ["http://user:hidden@192.0.2.7:4653", "an address has no password in it; say who asks by --token"],
    ["http://user@192.0.2.7:4653", "an address has no password in it; say who asks by --token"],
    ["http://user:123?hidden@192.0.2.7:4653", "none of ? # @ \\ belongs to an address"],
    ["http://user:123#hidden@192.0.2.7:4653", "none of ? # @ \\ belongs to an address"],
    ["http://user:123/hidden@192.0.2.7:4653", "none of ? # @ \\ belongs to an address"],
    ["http://user:123\\hidden@192.0.2.7:4653", "none of ? # @ \\ belongs to an address"],
  ])("%s is refused, and not told again", (text, message) => {
    const error = expect.objectContaining({ code: "invalid_argument", message }) as Error;
    expect(() => parseHttpAddress(text, "--token")).toThrow(error);
  });
});
