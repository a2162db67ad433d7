import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@holdfast/core";
import { expect, test } from "vitest";
import { network, wiring } from "../../testing/parties.ts";
import { type Datapath, openSwitched } from "./open.ts";

/** A run directory where no database listens. */
async function abandoned(): Promise<AsyncDisposable & { readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-switch-"));
  const server = createServer().listen(join(folder, "other.sock"));
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    folder,
    [Symbol.asyncDispose]: async () => {
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const open = (runDirectory: string, datapath: Datapath, switchInUse = false) =>
  openSwitched({
    node: "h1",
    datapath,
    switchInUse,
    datapathType: "auto",
    runDirectory,
    logger: silentLogger,
    signal: AbortSignal.timeout(300),
  });

const signal = AbortSignal.timeout(10_000);
const web = network("n8", "vxlan", 4711);
const endpoint = wiring("a", "n8", ["10.20.0.5"]);

test.each([
  ["auto", /VLAN and VXLAN networks need Open vSwitch, and nobody listens at .*db\.sock; start it/],
  ["kernel", /this machine carries routed networks only/],
] as const)(
  "with %s a machine without a switch starts, and says what is missing when it is needed",
  async (datapath, text) => {
    await using machine = await abandoned();
    const driver = await open(machine.folder, datapath);
    driver.setNetwork(web);
    await driver.synced(signal);
    expect(driver.status()).toEqual([]);
    await expect(driver.attach(endpoint, signal)).rejects.toThrow(text);
    expect(driver.status()).toMatchObject([{ row: "endpoint a", error: expect.stringMatching(text) }]);
    await driver.close();
  },
);

test.each([
  ["both", false],
  ["ovs", false],
  ["auto", true],
] as const)("with %s (endpoints on it: %s) the switch must be there", async (datapath, inUse) => {
  await using machine = await abandoned();
  await expect(open(machine.folder, datapath, inUse)).rejects.toThrow();
});
