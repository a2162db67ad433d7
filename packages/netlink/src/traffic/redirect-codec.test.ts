import { describe, expect, test } from "vitest";
import { concatenate } from "../codec/attributes.ts";
import { bytes } from "../testing/annotated-bytes.ts";
import { decodeRedirect, deleteRedirectRequest, redirectRequest } from "./redirect-codec.ts";

describe("a redirect of what comes in", () => {
  test("is written and read", () => {
    // biome-ignore format: one struct a line
    const encoded = bytes(
      "00000000 family, padding", "07000000 index", "00000000 handle", "f2ffffff ffff:fff2", "00030100 priority 1, ETH_P_ALL",
      "0800 length 8", "0100 TCA_KIND", "75333200 u32",
      "5000 length 80", "0280 TCA_OPTIONS, nested",
      "1400 length 20", "0500 TCA_U32_SEL", "01000000 terminal, no shift, no key", "000000000000000000000000 no offset",
      "3800 length 56", "0780 TCA_U32_ACT, nested",
      "3400 length 52", "0180 the first, nested",
      "0b00 length 11", "0100 TCA_ACT_KIND", "6d697272656400 mirred", "00 padding",
      "2400 length 36", "0280 TCA_ACT_OPTIONS, nested",
      "2000 length 32", "0200 TCA_MIRRED_PARMS",
      "00000000 index", "00000000 capabilities", "04000000 TC_ACT_STOLEN", "0000000000000000 counts",
      "03000000 TCA_INGRESS_REDIR", "09000000 link 9",
    );
    expect(concatenate(redirectRequest(7, 9).body)).toEqual(encoded);
    expect(decodeRedirect(encoded)).toBe(9);
  });

  test("is not read out of a filter that does something else", () => {
    expect(decodeRedirect(concatenate(deleteRedirectRequest(7).body))).toBeUndefined();
    const mirror = concatenate(redirectRequest(7, 9).body);
    const place = mirror.length - 8;
    mirror[place] = 4; // TCA_INGRESS_MIRROR
    expect(decodeRedirect(mirror)).toBeUndefined();
  });
});
