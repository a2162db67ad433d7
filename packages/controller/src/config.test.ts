import { readOptions } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { controllerOptions } from "./config.ts";

const read = (flags: Record<string, string>) => readOptions("controller", controllerOptions, { flags });

describe("the controller's options", () => {
  test("have defaults that need no configuration", () => {
    expect(read({})).toEqual({
      listen: { host: "127.0.0.1", port: 4653 },
      data: "/var/lib/holdfast/controller.db",
      token: undefined,
      collector: "http://127.0.0.1:4655",
      collectorToken: undefined,
      insecure: false,
      nodeTimeout: 60_000,
      reservationTimeout: 300_000,
      vlanRange: { first: 100, last: 3999 },
      vxlanRange: { first: 10_000, last: 16_777_215 },
      requestsAtOnce: 128,
      requestsWaiting: 512,
      tenantRate: 0,
      sflowTargets: [],
      sflowSampling: 400,
      sflowPolling: 30_000,
      beat: 5000,
      enforcePolicies: true,
      gc: true,
      gcInterval: 300_000,
      gcGrace: 60_000,
      logLevel: "info",
      ledgerRetention: 400 * 24 * 3_600_000,
      ledgerEntries: 10_000_000,
    });
  });

  test("listen on IPv6 and on a name, too", () => {
    expect(read({ listen: "[::1]:80" }).listen).toEqual({ host: "::1", port: 80 });
    expect(read({ listen: "localhost:0" }).listen).toEqual({ host: "localhost", port: 0 });
  });

  test.each([
    ["listen", "4653"],
    ["listen", "127.0.0.1:70000"],
    ["listen", "::1:80"],
    ["token", "short"],
    ["token", "with a space"],
    ["vlanRange", "0-10"],
    ["vlanRange", "1-4095"],
    ["vlanRange", "20-10"],
    ["vxlanRange", "many"],
    ["nodeTimeout", "60"],
    ["sflowTargets", "collector.example"],
    ["collector", "http://user:hidden@192.0.2.7:4655"],
    ["sflowSampling", "0"],
  ])("refuse %s=%s, naming the option", (name, text) => {
    expect(() => read({ [name]: text })).toThrow(
      new RegExp(`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`),
    );
  });
});
