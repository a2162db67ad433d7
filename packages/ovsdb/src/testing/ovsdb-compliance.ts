import { setTimeout as delay } from "node:timers/promises";
import { isHoldfastError, silentLogger, systemClock } from "@holdfast/core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { connectOvsdb, type OvsdbOptions } from "../connect-ovsdb.ts";
import { createOpenVSwitch, type OpenVSwitch } from "../open-vswitch.ts";
import { OPEN_VSWITCH_MONITORS } from "../open-vswitch-rows.ts";
import type { OvsdbClient, OvsdbOperation, RowChange } from "../ovsdb.ts";
import { isConflict } from "../transaction.ts";
import { startSocketProxy } from "./socket-proxy.ts";

/** A switch's database with a switch that follows it. */
export interface OvsdbSubject extends AsyncDisposable {
  /** The database's socket. */
  readonly path: string;
  /** Makes a network device that a port can use. */
  addDevice(name: string): Promise<void>;
  /** Breaks every connection to the database; it can be reached again when this resolves. */
  restartDatabase(): Promise<void>;
}

const DEPENDENCIES = { logger: silentLogger, clock: systemClock };

/** What must hold for the client and the switch's typed rows, whatever serves the database. */
export function ovsdbCompliance(name: string, start: () => Promise<OvsdbSubject>): void {
  describe(`OVSDB client over ${name}`, () => {
    let subject: OvsdbSubject;
    let clients: OvsdbClient[] = [];
    let devices = 0;
    const soon = (): AbortSignal => AbortSignal.timeout(10_000);

    const connect = async (options: Partial<OvsdbOptions> = {}): Promise<OvsdbClient> => {
      const defaults = { path: subject.path, database: "Open_vSwitch", monitors: OPEN_VSWITCH_MONITORS };
      const client = await connectOvsdb(DEPENDENCIES, { ...defaults, signal: soon(), ...options });
      clients.push(client);
      return client;
    };
    const device = async (): Promise<string> => {
      const deviceName = `hfc${++devices}`;
      await subject.addDevice(deviceName);
      return deviceName;
    };
    /** A bridge that the switch has made. */
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

    test("a bridge has its local port, and an id once the switch has made it", async () => {
      const ovs = createOpenVSwitch(await connect());
      const options = {
        name: "br0",
        datapathType: "netdev",
        failMode: "secure",
        externalIds: { owner: "a b" },
      } as const;
      const sequence = await ovs.commit(() => ovs.addBridge(options), soon());
      await ovs.configured(sequence, soon());
      const bridge = ovs.bridges().get("br0");
      expect(bridge).toMatchObject({ datapathType: "netdev", failMode: "secure", protocols: [] });
      expect(bridge?.datapathId).toMatch(/^[0-9a-f]{16}$/);
      expect(bridge?.externalIds).toEqual(new Map([["owner", "a b"]]));
      expect(ovs.interfaces().get("br0")).toMatchObject({ type: "internal", ofport: 65534 });
      expect(ovs.bridgeOf("br0")).toBe(bridge);
    });

    test("a bridge comes with its ports in one transaction", async () => {
      const client = await connect();
      const ovs = createOpenVSwitch(client);
      const tunnel = { type: "vxlan", options: { remote_ip: "flow", key: "flow" } };
      const bridge = { name: "br0", datapathType: "netdev", ports: [{ name: "vx0", interface: tunnel }] } as const;
      const sequence = await ovs.commit(() => ovs.addBridge(bridge), soon());
      expect([...ovs.ports().keys()].toSorted()).toEqual(["br0", "vx0"]);
      expect((await ovs.portReady("vx0", soon(), sequence)).ofport).toBeGreaterThan(0);
      expect(ovs.addBridge(bridge)).toEqual([]);
    });

    test("a port gets the number that was asked for", async () => {
      const ovs = await withBridge();
      const name = await device();
      const sequence = await ovs.commit(
        () =>
          ovs.addPort({
            bridge: "br0",
            name,
            tag: 100,
            externalIds: { endpoint: "e1" },
            interface: { ofportRequest: 4711, externalIds: { "iface-id": "x" } },
          }),
        soon(),
      );
      expect(await ovs.portReady(name, soon(), sequence)).toMatchObject({ name, ofport: 4711, ofportRequest: 4711 });
      expect(ovs.ports().get(name)).toMatchObject({ tag: 100, trunks: [], externalIds: new Map([["endpoint", "e1"]]) });
      expect(ovs.interfaces().get(name)?.externalIds).toEqual(new Map([["iface-id", "x"]]));
      expect(ovs.bridgeOf(name)?.name).toBe("br0");
    });

    test("a bridge and an internal port have the MAC address and MTU that were asked for", async () => {
      const client = await connect();
      const ovs = createOpenVSwitch(client);
      const [mac, mac2] = ["02:00:00:00:00:2a", "02:00:00:00:00:2b"];
      const ports = [{ name: "hfp9", interface: { type: "internal", mac: mac2, mtuRequest: 1400 } }];
      const bridge = { name: "br0", datapathType: "netdev", mac, local: { mtuRequest: 1300 }, ports } as const;
      await ovs.commit(() => ovs.addBridge(bridge), soon());
      for (const [name, address, mtu] of [
        ["br0", mac, 1300],
        ["hfp9", mac2, 1400],
      ] as const) {
        await client.until(() => {
          const row = ovs.interfaces().get(name);
          return (row?.macInUse === address && row.mtu === mtu) || undefined;
        }, soon());
      }
      expect(ovs.addBridge(bridge)).toEqual([]);
    });

    test("adding what is there already is no transaction", async () => {
      const ovs = await withBridge();
      const port = { bridge: "br0", name: await device(), trunks: [10, 20], externalIds: { a: "1" } } as const;
      await ovs.commit(() => ovs.addPort(port), soon());
      expect(ovs.addPort(port)).toEqual([]);
      expect(ovs.addBridge({ name: "br0", datapathType: "netdev" })).toEqual([]);
    });

    test("adding a port that differs changes it, and it keeps its number", async () => {
      const ovs = await withBridge();
      const name = await device();
      const first = await ovs.commit(
        () => ovs.addPort({ bridge: "br0", name, tag: 7, externalIds: { a: "1", b: "2" } }),
        soon(),
      );
      const before = await ovs.portReady(name, soon(), first);
      const second = await ovs.commit(
        () => ovs.addPort({ bridge: "br0", name, trunks: [1, 2], vlanMode: "trunk", externalIds: { b: "3" } }),
        soon(),
      );
      await ovs.configured(second, soon());
      const port = ovs.ports().get(name);
      expect(port).toMatchObject({ trunks: [1, 2], vlanMode: "trunk" });
      expect(port).not.toHaveProperty("tag");
      expect(port?.externalIds).toEqual(
        new Map([
          ["a", "1"],
          ["b", "3"],
        ]),
      );
      expect(ovs.interfaces().get(name)).toMatchObject({ uuid: before.uuid, ofport: before.ofport });
    });

    test("a port without a device is refused in the switch's words, and comes up when the device does", async () => {
      const client = await connect();
      const ovs = await withBridge(client);
      const name = `hfc${devices + 1}`;
      const sequence = await ovs.commit(() => ovs.addPort({ bridge: "br0", name }), soon());
      await expect(ovs.portReady(name, soon(), sequence)).rejects.toMatchObject({
        code: "switch_rejected",
        message: expect.stringMatching(/could not open network device .*No such device/),
      });
      await device();
      await client.until(() => Number(ovs.interfaces().get(name)?.ofport) > 0 || undefined, soon());
      expect(ovs.interfaces().get(name)).not.toHaveProperty("error");
    });

    test("a deleted port takes its interface with it, and deleting it again is no transaction", async () => {
      const ovs = await withBridge();
      const name = await device();
      await ovs.commit(() => ovs.addPort({ bridge: "br0", name }), soon());
      await ovs.commit(() => ovs.deletePort(name), soon());
      expect(ovs.ports().has(name)).toBe(false);
      expect(ovs.interfaces().has(name)).toBe(false);
      expect(ovs.deletePort(name)).toEqual([]);
      await ovs.commit(() => ovs.deleteBridge("br0"), soon());
      expect([ovs.bridges().size, ovs.ports().size, ovs.interfaces().size]).toEqual([0, 0, 0]);
      expect(ovs.deleteBridge("br0")).toEqual([]);
    });

    test("a bridge's local port is not deleted alone", async () => {
      const ovs = await withBridge();
      expect(() => ovs.deletePort("br0")).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    });

    test("a port stays on its bridge, and a bridge must exist", async () => {
      const ovs = await withBridge();
      await ovs.commit(() => ovs.addBridge({ name: "br1", datapathType: "netdev" }), soon());
      await ovs.commit(() => ovs.addPort({ bridge: "br0", name: "hfp0", interface: { type: "internal" } }), soon());
      const add = (bridge: string) => () => ovs.addPort({ bridge, name: "hfp0", interface: { type: "internal" } });
      expect(add("br1")).toThrow(expect.objectContaining({ code: "already_exists", details: { bridge: "br0" } }));
      expect(add("br2")).toThrow(expect.objectContaining({ code: "not_found" }));
    });

    test("two clients that add the same port at once both succeed, and there is one", async () => {
      const client = await connect();
      const [one, two] = [await withBridge(client), createOpenVSwitch(await connect())];
      const name = await device();
      await Promise.all(
        [one, two].map((ovs, index) =>
          ovs.commit(() => ovs.addPort({ bridge: "br0", name, externalIds: { [`from${index}`]: "yes" } }), soon()),
        ),
      );
      await client.until(() => one.ports().get(name)?.externalIds.size === 2 || undefined, soon());
      expect([...(one.ports().get(name)?.externalIds.keys() ?? [])].toSorted()).toEqual(["from0", "from1"]);
      expect((await one.portReady(name, soon())).ofport).toBeGreaterThan(0);
    });

    test("operations for a state that has passed are a conflict, and change nothing", async () => {
      const client = await connect();
      const ovs = await withBridge(client);
      const port = { bridge: "br0", name: "hfp5", interface: { type: "internal" } } as const;
      const outcome = (operations: readonly OvsdbOperation[]): Promise<unknown> =>
        client.transact(operations, soon()).catch((error: unknown) => error);
      const add = ovs.addPort(port);
      await ovs.commit(() => ovs.addPort(port), soon());
      expect(isConflict(await outcome(add))).toBe(true);
      const change = ovs.addPort({ ...port, tag: 9 });
      const name = ovs.setExternalIds({ table: "Interface", name: "hfp5", set: { a: "1" } });
      await ovs.commit(() => ovs.deletePort("hfp5"), soon());
      expect(isConflict(await outcome(change))).toBe(true);
      expect(isConflict(await outcome(name))).toBe(true);
      const again = ovs.addPort(port);
      await ovs.commit(() => ovs.deleteBridge("br0"), soon());
      expect(isConflict(await outcome(again))).toBe(true);
      expect([ovs.bridges().size, ovs.ports().size]).toEqual([0, 0]);
    });

    test("external ids of others stay", async () => {
      const ovs = await withBridge();
      const set = (ids: Record<string, string | undefined>) =>
        ovs.commit(() => ovs.setExternalIds({ table: "Bridge", name: "br0", set: ids }), soon());
      await set({ a: "1", b: "2", c: "3" });
      await set({ b: undefined, c: "4" });
      expect(ovs.bridges().get("br0")?.externalIds).toEqual(
        new Map([
          ["a", "1"],
          ["c", "4"],
        ]),
      );
      expect(ovs.setExternalIds({ table: "Bridge", name: "br0", set: { a: "1", b: undefined } })).toEqual([]);
    });

    test("a refusal at commit names no operation, and nothing has changed", async () => {
      const client = await connect();
      await withBridge(client);
      const insert = (table: string, row: object, named: string): OvsdbOperation => ({
        op: "insert",
        table,
        row: { ...row },
        named,
      });
      const [bridge] = client.table("Bridge").values();
      const operations: OvsdbOperation[] = [
        insert("Interface", { name: "twin" }, "i"),
        insert("Port", { name: "br0", interfaces: [{ named: "i" }] }, "p"),
        {
          op: "mutate",
          table: "Bridge",
          where: [["_uuid", "==", { uuid: bridge?.uuid ?? "" }]],
          mutations: [["ports", "insert", [{ named: "p" }]]],
        },
      ];
      await expect(client.transact(operations, soon())).rejects.toMatchObject({
        code: "switch_rejected",
        details: { operation: 3, error: "constraint violation" },
      });
      expect([...client.table("Interface").values()].map((row) => row.columns.name)).toEqual(["br0"]);
    });

    test("a refused operation is named with its table, and nothing has changed", async () => {
      const client = await connect();
      const ovs = await withBridge(client);
      const where = [["name", "==", "br0"]] as const;
      const operations: OvsdbOperation[] = [
        { op: "mutate", table: "Bridge", where, mutations: [["external_ids", "insert", new Map([["k", "v"]])]] },
        { op: "update", table: "Port", where, row: { tag: [5000] } },
        { op: "select", table: "Port", where },
      ];
      await expect(client.transact(operations, soon())).rejects.toMatchObject({
        code: "switch_rejected",
        details: { operation: 1, table: "Port", error: "constraint violation" },
      });
      expect(ovs.bridges().get("br0")?.externalIds.size).toBe(0);
    });

    test("a condition that does not hold is a conflict", async () => {
      const client = await connect();
      const wait: OvsdbOperation = {
        op: "wait",
        table: "Bridge",
        where: [["name", "==", "none"]],
        columns: ["name"],
        until: "==",
        rows: [{ name: "none" }],
      };
      const error: unknown = await client.transact([wait], soon()).catch((reason: unknown) => reason);
      expect(isConflict(error)).toBe(true);
      expect(await client.transact([{ ...wait, until: "!=" }], soon())).toEqual([{}]);
    });

    test("a select gives decoded rows", async () => {
      const client = await connect();
      await withBridge(client);
      const select: OvsdbOperation = {
        op: "select",
        table: "Port",
        where: [["name", "==", "br0"]],
        columns: ["name", "tag", "external_ids"],
      };
      const [result] = await client.transact([select], soon());
      const uuid = [...client.table("Port").keys()][0];
      expect(result?.rows).toEqual([{ uuid, columns: { name: "br0", tag: [], external_ids: new Map() } }]);
    });

    test("sets and maps change element by element", async () => {
      const ovs = await withBridge();
      const observer = await connect();
      const observed = createOpenVSwitch(observer);
      const name = await device();
      for (const [trunks, options] of [
        [[1, 2, 3], { a: "1", b: "2" }],
        [[2, 4], { b: "3", c: "4" }],
        [[], {}],
        [[9], { d: "" }],
      ] as const) {
        await ovs.commit(() => ovs.addPort({ bridge: "br0", name, trunks, interface: { options } }), soon());
        const present = new Set<number>(trunks);
        for (const view of [ovs, observed]) {
          await observer.until(() => {
            const seen = view.ports().get(name)?.trunks;
            return seen !== undefined && new Set(seen).symmetricDifference(present).size === 0 ? true : undefined;
          }, soon());
          expect(view.ports().get(name)?.trunks).toHaveLength(trunks.length);
          expect(view.interfaces().get(name)?.options).toEqual(new Map(Object.entries(options)));
        }
      }
    });

    test("a snapshot never changes", async () => {
      const client = await connect();
      const before = client.table("Port");
      const ovs = await withBridge(client);
      const during = client.table("Port");
      await ovs.commit(() => ovs.addPort({ bridge: "br0", name: "hfp1", interface: { type: "internal" } }), soon());
      expect([before.size, during.size, client.table("Port").size]).toEqual([0, 1, 2]);
      expect([...during.values()].map((row) => row.columns.name)).toEqual(["br0"]);
    });

    test("rows that do not match the monitor's condition are not there", async () => {
      const ovs = await withBridge();
      const monitors = [{ table: "Port", columns: ["name", "tag"], where: [["tag", "==", 42]] as const }];
      const client = await connect({ monitors });
      const port = (tag: number) => () =>
        ovs.addPort({ bridge: "br0", name: "hfp2", tag, interface: { type: "internal" } });
      await ovs.commit(port(41), soon());
      expect(client.table("Port").size).toBe(0);
      await ovs.commit(port(42), soon());
      const row = await client.until((each) => [...each.table("Port").values()][0], soon());
      expect(row.columns).toEqual({ name: "hfp2", tag: [42] });
      await ovs.commit(port(43), soon());
      await client.until((each) => each.table("Port").size === 0 || undefined, soon());
    });

    test("watching gives row changes from now on, until it is aborted", async () => {
      const client = await connect();
      const ovs = await withBridge(client);
      const stop = new AbortController();
      const changes = client.watch(stop.signal);
      await ovs.commit(() => ovs.addPort({ bridge: "br0", name: "hfp3", interface: { type: "internal" } }), soon());
      await ovs.portReady("hfp3", soon());
      await ovs.commit(() => ovs.deletePort("hfp3"), soon());
      stop.abort();
      const seen: RowChange[] = [];
      for await (const change of changes) seen.push(change);
      const ofPort = seen
        .filter(({ table }) => table === "Port")
        .map(({ before, after }) => [before !== undefined, after !== undefined]);
      expect(ofPort).toEqual([
        [false, true],
        [true, false],
      ]);
      expect(
        seen.some(({ table, before, after }) => table === "Interface" && before !== undefined && after !== undefined),
      ).toBe(true);
    });

    test("waiting ends with the signal's reason", async () => {
      const client = await connect();
      const stop = new AbortController();
      const waiting = client.until(() => undefined, stop.signal);
      stop.abort(new Error("enough"));
      await expect(waiting).rejects.toThrow("enough");
      await expect(client.transact([], stop.signal)).rejects.toThrow("enough");
    });

    test("a missing database, table or column is told at once", async () => {
      const expected = { code: "not_found" };
      await expect(connect({ database: "Nothing", monitors: [] })).rejects.toMatchObject(expected);
      await expect(connect({ monitors: [{ table: "Nothing" }] })).rejects.toMatchObject(expected);
      await expect(connect({ monitors: [{ table: "Port", columns: ["nothing"] }] })).rejects.toMatchObject(expected);
    });

    test("the cache outlives the server, and the client comes back", async () => {
      const client = await connect();
      const ovs = await withBridge(client);
      const ports = client.table("Port");
      const lost = client.until((each) => !each.connected || undefined, soon());
      await subject.restartDatabase();
      await lost;
      await client.until((each) => each.connected || undefined, soon());
      expect(client.table("Port")).toBe(ports);
      await ovs.commit(() => ovs.addPort({ bridge: "br0", name: "hfp4", interface: { type: "internal" } }), soon());
      expect(ovs.ports().has("hfp4")).toBe(true);
    });

    describe("through a connection that fails", () => {
      test("what changed meanwhile comes as row changes, and only that", async () => {
        const direct = await withBridge();
        for (const name of ["kept", "gone"]) {
          await direct.commit(() => direct.addPort({ bridge: "br0", name, interface: { type: "internal" } }), soon());
        }
        await using proxy = await startSocketProxy(`${subject.path}.p1`, subject.path);
        const client = await connect({ path: proxy.path });
        const kept = [...client.table("Port").values()].find((row) => row.columns.name === "kept");
        const stop = new AbortController();
        const changes = client.watch(stop.signal);
        await proxy.cut();
        await client.until((each) => !each.connected || undefined, soon());
        await expect(client.transact([], soon())).rejects.toMatchObject({ code: "unavailable", retryable: true });
        await direct.commit(
          () => [
            ...direct.deletePort("gone"),
            ...direct.addPort({ bridge: "br0", name: "new", interface: { type: "internal" } }),
            ...direct.setExternalIds({ table: "Bridge", name: "br0", set: { a: "1" } }),
          ],
          soon(),
        );
        await proxy.restore();
        await client.until((each) => each.connected || undefined, soon());
        stop.abort();
        const seen: string[] = [];
        for await (const { table, before, after } of changes) {
          if (table !== "Bridge" && table !== "Port") continue;
          const kind = before === undefined ? "insert" : after === undefined ? "delete" : "update";
          seen.push(`${kind} ${table} ${String((after ?? before)?.columns.name as string)}`);
        }
        expect(seen.toSorted()).toEqual(["delete Port gone", "insert Port new", "update Bridge br0"]);
        expect(client.table("Port").get(kept?.uuid ?? "")).toBe(kept);
      });

      test("transactions on the way are rejected as unavailable", async () => {
        await using proxy = await startSocketProxy(`${subject.path}.p2`, subject.path);
        const client = await connect({ path: proxy.path });
        proxy.stall();
        const transaction = client.transact([{ op: "select", table: "Bridge", where: [] }], soon());
        const outcome = transaction.catch((error: unknown) => error);
        await proxy.cut();
        expect(isHoldfastError(await outcome, "unavailable")).toBe(true);
      });

      test("silence is noticed, and a new connection is made", async () => {
        await using proxy = await startSocketProxy(`${subject.path}.p3`, subject.path);
        const client = await connect({ path: proxy.path, probeInterval: 50 });
        // Long enough for several echoes, which keep an idle connection.
        const lost = await Promise.race([
          client.until((each) => !each.connected || undefined, soon()),
          delay(300, "kept"),
        ]);
        expect(lost).toBe("kept");
        proxy.stall();
        await client.until((each) => !each.connected || undefined, soon());
        await client.until((each) => each.connected || undefined, soon());
      });
    });
  });
}
