import { describe, expect, test } from "vitest";

import { bytes } from "../testing/annotated-bytes.ts";
import { concatenate, parseAttributes } from "./attributes.ts";

describe("attributes", () => {
  test("end at a length that is broken", () => {
    const good = bytes("0500 length 5", "0180 type 1, nested", "aa", "000000 padding");
    for (const bad of [
      bytes("0300 length below the head", "0200 type"),
      bytes("0900 length 9", "0200 type", "bbbbbbbb"),
    ]) {
      expect([...parseAttributes(concatenate([good, bad]))]).toEqual([[1, bytes("aa")]]);
    }
  });
});
