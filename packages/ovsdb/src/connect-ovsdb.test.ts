import { randomUUID } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { silentLogger, systemClock } from "@holdfast/core";
import { describe, expect, onTestFinished, test } from "vitest";
import { connectOvsdb, type OvsdbOptions } from "./connect-ovsdb.ts";
import { JsonFraming } from "./json-framing.ts";
import { createOpenVSwitch } from "./open-vswitch.ts";
import { OPEN_VSWITCH_MONITORS } from "./open-vswitch-rows.ts";
import type { OvsdbClient, RowChange } from "./ovsdb.ts";
import { type FakeOvsdbOptions, type FakeOvsdbServer, startFakeOvsdbServer } from "./testing/fake-ovsdb-server.ts";
import { FAKE_SCHEMA } from "./testing/fake-schema.ts";

/** What is waited for comes in milliseconds, or after long on a machine that has something else to do; never is what has to be told from it. */
const soon = (): AbortSignal => AbortSignal.timeout(50_000);
const PATIENCE = { timeout: 60_000 };

async function connect(path: string, options: Partial<OvsdbOptions> = {}): Promise<OvsdbClient> {
  const defaults = { database: "Open_vSwitch", monitors: OPEN_VSWITCH_MONITORS, signal: soon() };
  const client = await connectOvsdb({ logger: silentLogger, clock: systemClock }, { path, ...defaults, ...options });
  onTestFinished(() => client.close());
  return client;
}

async function startFake(options: FakeOvsdbOptions = {}): Promise<FakeOvsdbServer> {
  const fake = await startFakeOvsdbServer(options);
  onTestFinished(() => fake.stop());
  return fake;
}

async function collect(changes: AsyncIterable<RowChange>): Promise<RowChange[]> {
  const seen: RowChange[] = [];
  for await (const change of changes) seen.push(change);
  return seen;
}

interface ScriptedServer {
  readonly path: string;
  readonly received: Readonly<Record<string, unknown>>[];
  readonly sockets: Socket[];
}

/** A server that answers each message with whatever bytes `reply` gives. */
function startScripted(reply: (message: Readonly<Record<string, unknown>>) => string | undefined): ScriptedServer {
  const server: ScriptedServer = { path: `\0hf-ovsdb-${randomUUID()}`, received: [], sockets: [] };
  const listener = createServer((socket) => {
    server.sockets.push(socket);
    const framing = new JsonFraming();
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      for (const message of framing.push(chunk) as Readonly<Record<string, unknown>>[]) {
        server.received.push(message);
        const bytes = reply(message);
        if (bytes !== undefined) socket.write(bytes);
      }
    });
  }).listen(server.path);
  onTestFinished(() => {
    listener.close();
    for (const socket of server.sockets) socket.destroy();
  });
  return server;
}

const answer = (id: unknown, result: unknown): string => JSON.stringify({ id, result, error: null });
const ROOT = "00000000-0000-4000-8000-000000000001";
const MONITORS = [{ table: "Open_vSwitch", columns: ["next_cfg"] }];
const nextCfg = (kind: string, value: number): unknown => ({
  Open_vSwitch: { [ROOT]: { [kind]: { next_cfg: value } } },
});

describe("a client of an OVSDB server", PATIENCE, () => {
  test("waits for a server that is not there yet", async () => {
    const path = `\0hf-ovsdb-${randomUUID()}`;
    const connecting = connect(path);
    const fake = await startFake({ path });
    expect((await connecting).connected).toBe(true);
    expect(fake.calls).toContain("monitor_cond_since");
  });

  test("stops waiting when the signal says so", async () => {
    const stop = new AbortController();
    const connecting = connect("/nonexistent/db.sock", { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(connecting).rejects.toThrow("enough");
  });

  test("follows notifications that come in one piece with the monitor's answer", async () => {
    const server = startScripted(({ id, method }) => {
      if (method === "get_schema") return answer(id, FAKE_SCHEMA);
      if (method !== "monitor_cond_since") return undefined;
      const updates = [1, 2, 3].map((value) =>
        JSON.stringify({ id: null, method: "update3", params: ["holdfast", `t${value}`, nextCfg("modify", value)] }),
      );
      return answer(id, [false, "t0", nextCfg("initial", 0)]) + updates.join("");
    });
    const client = await connect(server.path, { monitors: MONITORS });
    expect(client.table("Open_vSwitch").get(ROOT)?.columns).toEqual({ next_cfg: 3 });
  });

  test("answers the server's echo", async () => {
    const server = startScripted(({ id, method }) => {
      if (method === "get_schema") return answer(id, FAKE_SCHEMA);
      return method === "monitor_cond_since" ? answer(id, [false, "t0", {}]) : undefined;
    });
    const client = await connect(server.path, { monitors: MONITORS });
    server.sockets[0]?.write(JSON.stringify({ id: "echo", method: "echo", params: ["are", "you"] }));
    server.sockets[0]?.write(
      JSON.stringify({ id: null, method: "update3", params: ["holdfast", "t1", nextCfg("insert", 1)] }),
    );
    await client.until((each) => each.table("Open_vSwitch").get(ROOT), soon());
    const echoed = (): boolean => server.received.some(({ id, result }) => id === "echo" && Array.isArray(result));
    while (!echoed()) await new Promise(setImmediate);
    expect(server.received.find(({ id }) => id === "echo")).toEqual({
      id: "echo",
      result: ["are", "you"],
      error: null,
    });
  });

  test("begins anew with everything when the server's updates do not fit, with the first ones or later", async () => {
    const nonsense = { Open_vSwitch: { other: { modify: { next_cfg: 9 } } } };
    const update = JSON.stringify({ id: null, method: "update3", params: ["holdfast", "t1", nonsense] });
    let connections = 0;
    const server = startScripted(({ id, method }) => {
      if (method === "get_schema") return answer(id, FAKE_SCHEMA);
      if (method !== "monitor_cond_since") return undefined;
      connections++;
      return answer(id, [false, "t0", nextCfg("initial", connections)]) + (connections === 1 ? update : "");
    });
    const client = await connect(server.path, { monitors: MONITORS });
    const value = (wanted: number) => (each: OvsdbClient) =>
      (each.connected && each.table("Open_vSwitch").get(ROOT)?.columns.next_cfg === wanted) || undefined;
    await client.until(value(2), soon());
    server.sockets.at(-1)?.write(update);
    await client.until(value(3), soon());
    const monitored = server.received.filter(({ method }) => method === "monitor_cond_since");
    const positions = monitored.map(({ params }) => (params as unknown[])[3]);
    expect(positions).toEqual(Array(3).fill("00000000-0000-0000-0000-000000000000"));
  });

  test("goes on from its last transaction, without being told everything again", async () => {
    const server = startScripted(({ id, method, params }) => {
      if (method === "get_schema") return answer(id, FAKE_SCHEMA);
      if (method !== "monitor_cond_since" || !Array.isArray(params)) return undefined;
      const isFirst = params[3] === "00000000-0000-0000-0000-000000000000";
      return answer(
        id,
        isFirst ? [false, "t7", nextCfg("initial", 7)] : [params[3] === "t7", "t9", nextCfg("modify", 9)],
      );
    });
    const client = await connect(server.path, { monitors: MONITORS });
    const stop = new AbortController();
    const changes = client.watch(stop.signal);
    server.sockets[0]?.destroy();
    await client.until((each) => each.table("Open_vSwitch").get(ROOT)?.columns.next_cfg === 9 || undefined, soon());
    stop.abort();
    const seen = await collect(changes);
    expect(seen.map(({ before, after }) => [before?.columns.next_cfg, after?.columns.next_cfg])).toEqual([[7, 9]]);
  });

  test("begins anew with everything when what it missed does not fit", async () => {
    const zero = "00000000-0000-0000-0000-000000000000";
    const server = startScripted(({ id, method, params }) => {
      if (method === "get_schema") return answer(id, FAKE_SCHEMA);
      if (method !== "monitor_cond_since" || !Array.isArray(params)) return undefined;
      if (params[3] === zero) return answer(id, [false, "t7", nextCfg("initial", server.sockets.length)]);
      return answer(id, [true, "t9", { Open_vSwitch: { other: { modify: { next_cfg: 9 } } } }]);
    });
    const client = await connect(server.path, { monitors: MONITORS });
    server.sockets[0]?.destroy();
    await client.until((each) => each.table("Open_vSwitch").get(ROOT)?.columns.next_cfg === 3 || undefined, soon());
    const monitored = server.received.filter(({ method }) => method === "monitor_cond_since");
    expect(monitored.map(({ params }) => (params as unknown[])[3])).toEqual([zero, "t7", zero]);
  });

  test("sees its own writes when a transaction resolves", async () => {
    const fake = await startFake();
    const client = await connect(fake.path);
    for (let count = 1; count <= 20; count++) {
      await client.transact(
        [{ op: "mutate", table: "Open_vSwitch", where: [], mutations: [["next_cfg", "+=", 1]] }],
        soon(),
      );
      expect([...client.table("Open_vSwitch").values()][0]?.columns.next_cfg).toBe(count);
    }
  });

  test("takes over a table of a thousand rows at once, and a change of one row alone", async () => {
    const fake = await startFake();
    const client = await connect(fake.path);
    const ovs = createOpenVSwitch(client);
    const ports = Array.from({ length: 1000 }, (_, index) => ({ name: `p${index}`, interface: { type: "internal" } }));
    const sequence = await ovs.commit(() => ovs.addBridge({ name: "br0", datapathType: "netdev", ports }), soon());
    await ovs.configured(sequence, soon());
    expect(ovs.ports().size).toBe(1001);
    const stop = new AbortController();
    const changes = client.watch(stop.signal);
    const before = client.table("Port");
    await ovs.commit(() => ovs.addPort({ bridge: "br0", name: "p7", tag: 5, interface: { type: "internal" } }), soon());
    stop.abort();
    const ofPorts = (await collect(changes)).filter(({ table }) => table === "Port");
    expect(ofPorts.map(({ after }) => after?.columns.name)).toEqual(["p7"]);
    const shared = [...before].filter(([uuid, row]) => client.table("Port").get(uuid) === row);
    expect(shared).toHaveLength(1000);
  });

  test("a probe that throws rejects its own wait only", async () => {
    const fake = await startFake();
    const client = await connect(fake.path);
    const good = client.until((each) => [...each.table("Bridge").values()][0], soon());
    const bad = client.until((each) => {
      if (each.table("Bridge").size > 0) throw new Error("unexpected");
      return undefined;
    }, soon());
    const outcome = bad.catch((error: unknown) => error);
    const ovs = createOpenVSwitch(client);
    await ovs.commit(() => ovs.addBridge({ name: "br0", datapathType: "netdev" }), soon());
    expect(String(await outcome)).toContain("unexpected");
    expect((await good).columns.name).toBe("br0");
  });

  test("ends its waits and watches when it is closed", async () => {
    const fake = await startFake();
    const client = await connect(fake.path);
    const waiting = client.until(() => undefined, soon()).catch((error: unknown) => error);
    const watching = collect(client.watch(soon()));
    await client.close();
    expect(await waiting).toMatchObject({ code: "unavailable" });
    expect(await watching).toEqual([]);
    await client.close();
  });
});
