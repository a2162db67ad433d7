import { HoldfastError } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { CniError, errorOutput } from "./cni-error.ts";
import { type CniResult, readResult, resultOutput } from "./result.ts";
import { SUPPORTED_VERSIONS, versionOutput } from "./versions.ts";

const RESULT: CniResult = {
  interfaces: [
    { name: "hfp1000", mac: "02:00:00:00:00:01", mtu: 1500 },
    { name: "eth0", mac: "02:01:0a:14:00:05", mtu: 1450, sandbox: "/run/netns/x" },
  ],
  ips: [
    { address: "10.20.0.5/16", gateway: "10.20.0.1", interface: 1 },
    { address: "fd00:20::5/64", interface: 1 },
  ],
  routes: [{ dst: "0.0.0.0/0" }, { dst: "169.254.1.1/32", gw: "10.20.0.1", mtu: 1400, scope: 253 }],
};

describe("a result", () => {
  test("of 1.1.0 says everything", () => {
    expect(JSON.parse(resultOutput(RESULT, "1.1.0"))).toEqual({ cniVersion: "1.1.0", ...RESULT, dns: {} });
  });

  test("of 1.0.0 has no MTU and no scope", () => {
    expect(JSON.parse(resultOutput(RESULT, "1.0.0"))).toEqual({
      cniVersion: "1.0.0",
      interfaces: [
        { name: "hfp1000", mac: "02:00:00:00:00:01" },
        { name: "eth0", mac: "02:01:0a:14:00:05", sandbox: "/run/netns/x" },
      ],
      ips: RESULT.ips,
      routes: [{ dst: "0.0.0.0/0" }, { dst: "169.254.1.1/32", gw: "10.20.0.1" }],
      dns: {},
    });
  });

  test.each(["0.3.1", "0.4.0"] as const)("of %s says the family of each address", (version) => {
    const { ips } = JSON.parse(resultOutput(RESULT, version)) as { ips: readonly unknown[] };
    expect(ips).toEqual([
      { version: "4", ...RESULT.ips[0] },
      { version: "6", ...RESULT.ips[1] },
    ]);
  });

  test.each(SUPPORTED_VERSIONS)(
    "of %s is read as what it was written from, as far as the version has words",
    (version) => {
      const once = readResult(JSON.parse(resultOutput(RESULT, version)));
      expect(once.ips).toEqual(RESULT.ips);
      expect(resultOutput(once, version)).toBe(resultOutput(RESULT, version));
    },
  );

  test.each([
    { raw: 7, text: "prevResult" },
    { raw: { ips: [{ address: "10.20.0.5" }] }, text: "prevResult.ips.0.address: is not an address with a length" },
    { raw: { routes: [{ dst: "10.20.0.1/8" }] }, text: "prevResult.routes.0.dst: is not a prefix" },
    {
      raw: { ips: [{ address: "10.20.0.5/16", interface: 2 }] },
      text: "10.20.0.5/16 is on interface 2, and there are 0",
    },
  ])("that is wrong is refused with the field named ($text)", ({ raw, text }) => {
    expect(() => readResult(raw)).toThrow(expect.objectContaining({ code: 7, message: expect.stringContaining(text) }));
  });
});

describe("an error", () => {
  test.each([
    { error: new CniError(4, "no"), code: 4, msg: "no" },
    { error: new HoldfastError("unavailable", "no controller"), code: 11, msg: "no controller" },
    { error: new HoldfastError("timeout", "late"), code: 11, msg: "late" },
    { error: new HoldfastError("address_in_use", "taken"), code: 101, msg: "taken" },
    { error: new HoldfastError("pool_exhausted", "full"), code: 102, msg: "full" },
    { error: new HoldfastError("conflict", "else"), code: 100, msg: "else" },
    { error: new TypeError("bug"), code: 199, msg: "bug" },
  ])("$error is told with code $code", ({ error, code, msg }) => {
    expect(JSON.parse(errorOutput(error, "1.0.0"))).toEqual({ cniVersion: "1.0.0", code, msg });
  });

  test("has details when there are any", () => {
    const error = new CniError(100, "no", { details: "because" });
    expect(JSON.parse(errorOutput(error, "1.1.0"))).toMatchObject({ msg: "no", details: "because" });
  });
});

test("VERSION answers in the version of who asks, whatever that is", () => {
  const supportedVersions = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"];
  expect(JSON.parse(versionOutput("0.2.0"))).toEqual({ cniVersion: "0.2.0", supportedVersions });
  expect(JSON.parse(versionOutput(undefined))).toEqual({ cniVersion: "1.1.0", supportedVersions });
});
