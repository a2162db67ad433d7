import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { encodeDatagram, encodeHeaderRecord, encodeSample, ethernet, ipv4, tcp } from "@holdfast/flow/testing";
import { describe, expect, test } from "vitest";
import { JARS, startOpenSearch } from "./opensearch-process.ts";

const HOLDFAST = fileURLToPath(new URL("../../../../bin/holdfast", import.meta.url));
const [SFLOW, STATUS] = [26_343, 24_655];
const header = encodeHeaderRecord(
  ethernet({}, ipv4({ source: "192.0.2.9", destination: "10.20.0.5" }, tcp({ destination: 443 }))),
  { frameLength: 1004 },
);

function datagram(sequence: number): Uint8Array {
  const samples = [encodeSample({ format: 1, sequence, rate: 10, pool: sequence * 10, records: [header] })];
  return encodeDatagram({ agent: "10.9.9.1", sequence, uptimeMs: sequence, samples });
}

interface Counted {
  readonly total?: { readonly packets: number };
}

describe.skipIf(JARS === undefined)("the collector's program with OpenSearch (make test-opensearch)", () => {
  test("answers about flows from there", { timeout: 120_000 }, async () => {
    await using server = await startOpenSearch();
    const flags = [
      "--opensearch",
      server.address.origin,
      "--opensearch-prefix",
      "mine",
      "--no-names",
      "--alarms",
      "none",
    ];
    const places = ["--listen", `127.0.0.1:${SFLOW}`, "--status", `127.0.0.1:${STATUS}`];
    const program = spawn(HOLDFAST, ["collector", ...flags, ...places], { stdio: ["ignore", "ignore", "inherit"] });
    const ended = once(program, "exit");
    try {
      const ask = async (path: string): Promise<unknown> => (await fetch(`http://127.0.0.1:${STATUS}${path}`)).json();
      await expect.poll(() => ask("/healthz").catch(() => undefined), { timeout: 20_000 }).toBeDefined();
      const sender = createSocket("udp4");
      for (let sequence = 1; sequence <= 5; sequence++) {
        await new Promise((resolve) => sender.send(datagram(sequence), SFLOW, "127.0.0.1", resolve));
      }
      sender.close();
      const top = "/v1/flows/top?by=protocol&last=1m";
      const packets = async () => ((await ask(top)) as Counted).total?.packets;
      await expect.poll(packets, { timeout: 30_000, interval: 500 }).toBe(50);
      expect(await ask(top)).toMatchObject({
        groups: [{ key: { protocol: 6 }, traffic: { packets: 50, samples: 5 } }],
      });
      const { items } = (await ask("/v1/flows/samples?last=1m")) as { readonly items: readonly unknown[] };
      expect(items).toHaveLength(5);
      expect(await ask("/v1/flows/status")).toMatchObject({ store: { kind: "opensearch" } });
    } finally {
      program.kill("SIGTERM");
      await ended;
    }
    expect(program.exitCode).toBe(0);
    const streams = await (await fetch(new URL("/_data_stream/mine-*", server.address))).json();
    expect((streams as { data_streams: { name: string }[] }).data_streams.map(({ name }) => name)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^mine-fine-\d{4}/), expect.stringMatching(/^mine-samples-/)]),
    );
  });
});
