import { createSocket } from "node:dgram";
import { makeTraffic } from "./traffic.ts";

/**
 * Sends sFlow to a port of this machine at an even pace, as exporters that lose nothing would: `node sender.ts PORT DATAGRAMS_PER_SECOND SECONDS`.
 * Prints how many datagrams, samples and flow samples it sent, and in how many seconds, as JSON.
 */
const [port = 0, rate = 0, seconds = 0] = process.argv.slice(2).map(Number);
const AGENTS = 4;
/** Where the sequence number of a datagram is, behind version and an IPv4 address; and in a flow sample, behind its format and length. */
const SEQUENCE_AT = 16;
const SAMPLES_AT = 28;
const SAMPLING_RATE = 400;
/** Format of flow samples, which counters have not. */
const FLOW_SAMPLE = 1;

const traffic = makeTraffic(2000, false).map((bytes) => ({
  bytes,
  view: new DataView(bytes.buffer),
  samples: samplesIn(bytes),
}));
const flowSamples = traffic.map(
  ({ view, samples }) => samples.filter((at) => view.getUint32(at) === FLOW_SAMPLE).length,
);
const sequences = { datagram: new Uint32Array(AGENTS), sample: new Uint32Array(AGENTS) };
/** Of the samples, those that are no counters. */
const sent = { datagrams: 0, samples: 0, flowSamples: 0 };
const socket = createSocket({ type: "udp4", sendBufferSize: 4 * 1024 * 1024 });
socket.connect(port, "127.0.0.1", () => send(performance.now()));

/** Every turn sends what is due since the beginning. */
function send(began: number): void {
  const wanted = Math.min(rate * seconds, ((performance.now() - began) / 1000) * rate);
  while (sent.datagrams < wanted) sendNext();
  if (sent.datagrams < rate * seconds) setImmediate(send, began);
  else finish((performance.now() - began) / 1000);
}

function finish(took: number): void {
  socket.close(() => process.stdout.write(`${JSON.stringify({ ...sent, seconds: took })}\n`));
}

/** Numbers go on from datagram to datagram and from sample to sample, so that no receiver sees a restart. */
function sendNext(): void {
  const index = sent.datagrams % traffic.length;
  const { bytes, view, samples } = traffic[index] ?? {
    bytes: new Uint8Array(),
    view: new DataView(new ArrayBuffer(0)),
    samples: [],
  };
  const agent = index % AGENTS;
  view.setUint32(SEQUENCE_AT, next(sequences.datagram, agent));
  for (const at of samples) {
    if (view.getUint32(at) !== FLOW_SAMPLE) continue;
    const sequence = next(sequences.sample, agent);
    view.setUint32(at + 8, sequence);
    view.setUint32(at + 20, (sequence * SAMPLING_RATE) >>> 0);
  }
  socket.send(bytes);
  sent.datagrams += 1;
  sent.samples += samples.length;
  sent.flowSamples += flowSamples[index] ?? 0;
}

function next(numbers: Uint32Array, agent: number): number {
  numbers[agent] = (numbers[agent] ?? 0) + 1;
  return numbers[agent] ?? 0;
}

/** Where the samples begin. */
function samplesIn(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer);
  const found = [];
  for (let at = SAMPLES_AT; at < bytes.length; at += 8 + view.getUint32(at + 4)) found.push(at);
  return found;
}
