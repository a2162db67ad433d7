import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Engine } from "./engine.ts";
import { createEngineClient } from "./engine-client.ts";

const signal = new AbortController().signal;

describe("the engine client", () => {
  let folder: string;
  let server: Server;
  let engine: Engine;
  let requests: { method: string; path: string; body: string }[];
  /** Status and body by `"METHOD /path"`; what is not here is 404. */
  let answers: Record<string, [number, unknown]>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "holdfast-engine-"));
    const socketPath = join(folder, "docker.sock");
    [requests, answers] = [[], {}];
    server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk;
      });
      request.on("end", () => {
        const path = decodeURIComponent(request.url ?? "");
        requests.push({ method: request.method ?? "", path, body });
        const [status, value] = answers[`${request.method} ${path.split("?")[0]}`] ?? [
          404,
          { message: "no such thing" },
        ];
        response.writeHead(status, { "content-type": "application/json" });
        if (Array.isArray(value) && path.startsWith("/events")) {
          for (const event of value) response.write(`${JSON.stringify(event)}\n`);
          return;
        }
        response.end(value === undefined ? "" : JSON.stringify(value));
      });
    });
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    engine = createEngineClient({ socketPath });
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });

  test("lists the networks of our driver with their endpoints; one that went meanwhile is left out", async () => {
    answers = {
      "GET /networks": [200, [{ Id: "n1" }, { Id: "gone" }]],
      "GET /networks/n1": [
        200,
        {
          Id: "n1",
          Name: "web",
          Labels: null,
          Options: { a: "b" },
          IPAM: {
            Driver: "holdfast",
            Options: { "holdfast.network": "web" },
            Config: [{ Subnet: "10.20.0.0/16", AuxiliaryAddresses: { r: "10.20.0.9" } }],
          },
          Containers: { "ep-x": { Name: "redis", EndpointID: "e1" } },
        },
      ],
    };
    expect(await engine.networks(signal)).toEqual([
      {
        id: "n1",
        name: "web",
        labels: {},
        options: { a: "b" },
        ipamOptions: { "holdfast.network": "web" },
        subnets: ["10.20.0.0/16"],
        auxiliary: ["10.20.0.9"],
        endpoints: [{ id: "e1", container: "redis" }],
      },
    ]);
    expect(requests[0]?.path).toBe('/networks?filters={"driver":["holdfast"]}');
  });

  test("no networks may be written as null", async () => {
    answers = { "GET /networks": [200, null] };
    expect(await engine.networks(signal)).toEqual([]);
  });

  test("makes a network in Docker's words", async () => {
    answers = { "POST /networks/create": [201, { Id: "n1", Warning: "" }] };
    const network = {
      name: "web",
      subnets: [{ prefix: "10.20.0.0/16", gateway: "10.20.0.1" }],
      ipv4: true,
      ipv6: false,
    };
    const id = await engine.createNetwork(
      { ...network, options: { "holdfast.network": "default/web" }, labels: { l: "1" } },
      signal,
    );
    expect(id).toBe("n1");
    expect(JSON.parse(requests[0]?.body ?? "")).toEqual({
      Name: "web",
      CheckDuplicate: true,
      Driver: "holdfast",
      EnableIPv6: false,
      IPAM: {
        Driver: "holdfast",
        Options: { "holdfast.network": "default/web" },
        Config: [{ Subnet: "10.20.0.0/16", Gateway: "10.20.0.1" }],
      },
      Options: { "holdfast.network": "default/web" },
      Labels: { l: "1" },
    });
  });

  test.each([
    [409, "already_exists"],
    [403, "in_use"],
    [500, "unavailable"],
  ])("status %i is %s, with Docker's own text", async (status, code) => {
    answers = { "DELETE /networks/n1": [status, { message: "network web has active endpoints" }] };
    await expect(engine.removeNetwork("n1", signal)).rejects.toMatchObject({
      code,
      message: expect.stringContaining("network web has active endpoints"),
    });
  });

  test("removing what is gone is a success", async () => {
    await engine.removeNetwork("n1", signal);
  });

  test("finds the containers that name a network by its id", async () => {
    const container = (name: string, mode: string): object => ({
      Names: [`/${name}`],
      HostConfig: { NetworkMode: mode },
    });
    const id = "0123456789abcdef";
    answers = {
      "GET /containers/json": [
        200,
        [container("by-id", id), container("by-short-id", id.slice(0, 12)), container("by-name", "web")],
      ],
    };
    expect(await engine.containersByNetworkId(id, signal)).toEqual(["by-id", "by-short-id"]);
  });

  test("tells that it is connected, then each event, then that the engine has gone", async () => {
    answers = { "GET /events": [200, [{ Type: "network" }, { Type: "container" }]] };
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of engine.events(signal)) {
        seen.push(event);
        if (seen.length === 3) server.closeAllConnections();
      }
    })();
    await expect(reading).rejects.toThrow("dockerd has gone");
    expect(seen).toEqual(["connected", "event", "event"]);
  });

  test("an answer that cannot be read is an error, not nothing", async () => {
    answers = { "GET /networks": [200, { message: "?" }], "GET /version": [200, undefined] };
    await expect(engine.networks(signal)).rejects.toThrow("cannot be read");
    await expect(engine.apiVersion(signal)).rejects.toThrow("cannot be read");
  });

  test("no engine is an error that may pass", async () => {
    const nobody = createEngineClient({ socketPath: join(folder, "nobody.sock") });
    await expect(nobody.networks(signal)).rejects.toMatchObject({ code: "unavailable", retryable: true });
    await expect(Array.fromAsync(nobody.events(signal))).rejects.toMatchObject({ code: "unavailable" });
  });

  test("a call ends with its signal", async () => {
    const stop = new AbortController();
    answers = { "GET /events": [200, []] };
    const reading = Array.fromAsync(engine.events(stop.signal));
    stop.abort(new Error("stopping"));
    await expect(reading).rejects.toThrow();
  });
});
