import { silentLogger, systemClock } from "@holdfast/core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { connectOvsdb, type OvsdbOptions } from "../connect-ovsdb.ts";
import { createOpenVSwitch, type OpenVSwitch } from "../open-vswitch.ts";
import { OPEN_VSWITCH_MONITORS } from "../open-vswitch-rows.ts";
import type { OvsdbClient } from "../ovsdb.ts";

/** A switch's database with a switch that follows it. */
export interface OvsdbSubject extends AsyncDisposable {
  /** The database's socket. */
  readonly path: string;
  /** Makes a network device that a port can use. */
  addDevice(name: string): Promise<void>;
  /** Breaks every connection to the database; it can be reached again when this resolves. */
  restartDatabase(): Promise<void>;
}

/** One subject for the tests of a `describe`, and clients of it that end with each test. */
export interface OvsdbFixture {
  /** The subject; there is one once the tests run. */
  readonly subject: () => OvsdbSubject;
  /** A client of the switch's tables, unless the options say otherwise. */
  readonly connect: (options?: Partial<OvsdbOptions>) => Promise<OvsdbClient>;
  /** Makes a network device; gives its name. */
  readonly device: () => Promise<string>;
  /** The name that the next device will have. */
  readonly nextDevice: () => string;
  /** A bridge `br0` that the switch has made; absent client: one of its own. */
  readonly withBridge: (client?: OvsdbClient) => Promise<OpenVSwitch>;
}

const DEPENDENCIES = { logger: silentLogger, clock: systemClock };

/** The time in which a test expects an answer. */
export function soon(): AbortSignal {
  return AbortSignal.timeout(10_000);
}

/** Starts the subject before the tests of the `describe` around it; each test leaves no bridges and no clients. */
export function useOvsdb(start: () => Promise<OvsdbSubject>): OvsdbFixture {
  let subject: OvsdbSubject;
  let clients: OvsdbClient[] = [];
  let devices = 0;

  const connect = async (options: Partial<OvsdbOptions> = {}): Promise<OvsdbClient> => {
    const defaults = { path: subject.path, database: "Open_vSwitch", monitors: OPEN_VSWITCH_MONITORS };
    const client = await connectOvsdb(DEPENDENCIES, { ...defaults, signal: soon(), ...options });
    clients.push(client);
    return client;
  };
  const nextDevice = (): string => `hfc${devices + 1}`;
  const device = async (): Promise<string> => {
    const deviceName = `hfc${++devices}`;
    await subject.addDevice(deviceName);
    return deviceName;
  };
  const withBridge = async (client?: OvsdbClient): Promise<OpenVSwitch> => {
    const ovs = createOpenVSwitch(client ?? (await connect()));
    const sequence = await ovs.commit(() => ovs.addBridge({ name: "br0", datapathType: "netdev" }), soon());
    await ovs.configured(sequence, soon());
    return ovs;
  };

  beforeAll(async () => {
    subject = await start();
  });
  afterEach(async () => {
    const ovs = createOpenVSwitch(await connect());
    await ovs.commit(() => [...ovs.bridges().keys()].flatMap((bridge) => ovs.deleteBridge(bridge)), soon());
    for (const client of clients) await client.close();
    clients = [];
  });
  afterAll(async () => {
    await subject[Symbol.asyncDispose]();
  });
  return { subject: () => subject, connect, device, nextDevice, withBridge };
}
