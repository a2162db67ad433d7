import { createSocket } from "node:dgram";
import { setTimeout as pause } from "node:timers/promises";
import { encodeDatagram, encodeHeaderRecord, encodeSample, ethernet, ipv4, tcp } from "@holdfast/flow/testing";

/** An exporter that sends at an even pace: each datagram has one sample, which stands for one packet. */
export interface Exporter extends AsyncDisposable {
  /** Datagrams sent so far. */
  readonly sent: number;
  /** Sends no more. */
  stop(): Promise<void>;
}

const TICK_MS = 10;

/** @param perSecond datagrams */
export function startExporter(port: number, perSecond: number): Exporter {
  const socket = createSocket("udp4");
  const stopping = new AbortController();
  const records = [encodeHeaderRecord(ethernet({}, ipv4({}, tcp({ destination: 443 }))), { frameLength: 1004 })];
  const began = performance.now();
  let sent = 0;

  function send(): Promise<void> {
    sent += 1;
    const samples = [encodeSample({ format: 1, sequence: sent, rate: 1, pool: sent, records })];
    const bytes = encodeDatagram({ agent: "10.9.9.1", sequence: sent, uptimeMs: sent, samples });
    // Where nobody listens, the datagram is lost, as of any exporter.
    return new Promise((resolve) => socket.send(bytes, port, "127.0.0.1", () => resolve()));
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const due = ((performance.now() - began) * perSecond) / 1000;
      while (sent < due && !stopping.signal.aborted) await send();
      await pause(TICK_MS);
    }
    // What follows tells whether the last ones before it came.
    await send();
  }

  const running = run();
  async function stop(): Promise<void> {
    stopping.abort();
    await running;
  }
  return {
    get sent() {
      return sent;
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      socket.close();
    },
  };
}
