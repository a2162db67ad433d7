import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { IpAddress, silentLogger, systemClock } from "@holdfast/core";
import { createSflowDecoder, type DatagramDescription } from "@holdfast/flow";
import { parseFlowTarget } from "@holdfast/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatapathDriver } from "../src/driver.ts";
import { removeOvsDatapath } from "../src/drivers/ovs/removal.ts";
import { type FlowExport, startFlowExport } from "../src/flow-export/flow-export.ts";
import { network, on, wiring } from "../src/testing/parties.ts";
import { Host, type Sandbox } from "./fabric.ts";

const run = promisify(execFile);
const PORT = 6399;
const AGENT = IpAddress.parse("192.168.50.11");
/** Prints each datagram that comes as a line of hex. */
const RECEIVER = `require("node:dgram").createSocket("udp4").on("message", (bytes) => console.log(bytes.toString("hex"))).bind(${PORT}, "127.0.0.1", () => console.log(""));`;

describe("the export of sFlow", () => {
  const signal = AbortSignal.timeout(80_000);
  const datagrams: DatagramDescription[] = [];
  let host: Host;
  let driver: DatapathDriver;
  let receiver: ChildProcess;
  let flowExport: FlowExport;
  let sandboxes: Sandbox[];

  const start = (): FlowExport =>
    startFlowExport(
      { logger: silentLogger, clock: systemClock },
      { node: "node-1", runDirectory: host.ovs.rundir, socketTables: `/proc/${receiver.pid}/net` },
    );
  const settings = (sampling = 1, port = PORT) => ({
    targets: [parseFlowTarget(`127.0.0.1:${port}`)],
    sampling,
    pollingSeconds: 1,
    agent: AGENT,
  });
  const sflow = async (): Promise<string> =>
    (await host.ovs.exec("ovs-vsctl", "--columns=sampling,targets", "list", "sflow")).trim();
  const inHost = async (...words: string[]): Promise<void> => {
    await run("nsenter", [`--net=${host.path}`, "--", ...words]);
  };
  const wait = { timeout: 20_000 };

  beforeAll(async () => {
    host = await Host.start();
    await host.kernel.setLink("lo", { up: true });
    driver = await host.open();
    receiver = spawn("nsenter", [`--net=${host.path}`, "--", process.execPath, "-e", RECEIVER], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface({ input: receiver.stdout as NodeJS.ReadableStream });
    const decoder = createSflowDecoder();
    lines.on("line", (line) => {
      const bytes = Uint8Array.from(Buffer.from(line, "hex"));
      if (decoder.decode(new DataView(bytes.buffer), 0, bytes.length)) datagrams.push(decoder.describe());
    });
    await once(lines, "line");
    const local = network("n7", "vlan", 100);
    driver.setNetwork(local);
    await driver.synced(signal);
    sandboxes = await Promise.all(
      [5, 6].map(async (last) => {
        const port = await driver.attach(wiring(`e${last}`, "n7", [`10.20.0.${last}`]), signal);
        return await host.plug(port, [on(`10.20.0.${last}/24`)]);
      }),
    );
    flowExport = start();
  });
  afterAll(async () => {
    await flowExport?.close();
    await driver?.close();
    for (const sandbox of sandboxes ?? []) await sandbox[Symbol.asyncDispose]();
    receiver?.kill();
    await host?.[Symbol.asyncDispose]();
  });

  test("sends samples of each packet between containers, and counters, by the agent's address", async () => {
    flowExport.set(settings());
    await expect
      .poll(() => datagrams.some(({ samples }) => samples.some(({ kind }) => kind === "counters")), wait)
      .toBe(true);
    expect(await sandboxes[0]?.ping("10.20.0.6", 5)).toBe(5);
    const pings = () =>
      datagrams
        .flatMap(({ samples }) => samples)
        .filter((sample) => "packet" in sample && sample.packet?.ip?.protocol === 1);
    await expect.poll(() => pings().length, wait).toBe(10);
    expect(new Set(datagrams.map(({ agent }) => agent))).toEqual(new Set([AGENT]));
    expect(flowExport.status()).toEqual([]);
  });

  test("is left alone by an agent that starts again with the same settings, and follows others", async () => {
    const row = async (): Promise<string> => await host.ovs.exec("ovs-vsctl", "--columns=_uuid", "list", "sflow");
    const before = await row();
    await flowExport.close();
    flowExport = start();
    flowExport.set(settings());
    flowExport.set(settings(64));
    await expect.poll(sflow, wait).toContain("64");
    expect(await row()).toBe(before);
  });

  test("comes back when somebody takes it away", async () => {
    await host.ovs.exec("ovs-vsctl", "clear", "bridge", "hf-int", "sflow");
    await expect.poll(sflow, wait).toContain("64");
  });

  test("that does not leave is told of, and tried again until it does", async () => {
    // What a machine has before its network is up.
    await inHost("ip", "route", "add", "unreachable", "198.51.100.0/24");
    flowExport.set({ ...settings(), targets: [parseFlowTarget("198.51.100.7:6343")] });
    await expect
      .poll(() => flowExport.status().map(({ error }) => error), wait)
      .toEqual([expect.stringContaining("Open vSwitch sends nothing to 198.51.100.7:6343")]);
    await inHost("ip", "route", "add", "local", "198.51.100.7/32", "dev", "lo");
    await expect.poll(() => flowExport.status(), wait).toEqual([]);
  });

  test("of somebody else on a bridge of ours is left alone, and told of", async () => {
    flowExport.set(undefined);
    await expect.poll(sflow, wait).toBe("");
    const other = [
      "--id=@s",
      "create",
      "sflow",
      'targets="127.0.0.1:7777"',
      "--",
      "set",
      "bridge",
      "hf-int",
      "sflow=@s",
    ];
    await host.ovs.exec("ovs-vsctl", "--", ...other);
    flowExport.set(settings());
    await expect
      .poll(() => flowExport.status().map(({ error }) => error), wait)
      .toEqual([expect.stringContaining("ovs-vsctl clear bridge hf-int sflow")]);
    expect(await sflow()).toContain("7777");
    await host.ovs.exec("ovs-vsctl", "clear", "bridge", "hf-int", "sflow");
    await expect.poll(() => flowExport.status(), wait).toEqual([]);
    expect(await sflow()).toContain(String(PORT));
  });

  test("goes with its bridges when the platform is taken off the machine", async () => {
    await flowExport.close();
    await driver.close();
    const { rundir: runDirectory } = host.ovs;
    await removeOvsDatapath({ runDirectory, namespace: host.path, logger: silentLogger, signal });
    expect(await sflow()).toBe("");
  });
});
