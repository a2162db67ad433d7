import type { EndpointEnd, TrafficEnd, TrafficWindow, WindowRow } from "@holdfast/collector";
import { IpAddress } from "@holdfast/core";
import { seededRandom } from "@holdfast/core/testing";

const ENDPOINTS = 10_000;
const TENANTS = 20;
/** Of each endpoint. */
const CONVERSATIONS = 5;
const WINDOW_MS = 10_000;
/** Of the conversations, those of which a window has samples. */
const ACTIVE_SHARE = 0.25;
const SAMPLING_RATE = 400;
const AGENT = IpAddress.parse("10.9.0.1");

/** An hour of traffic between 10,000 endpoints of 20 tenants, a fifth of it with places outside; up to `now`. */
export function* lastHour(now: number): Iterable<TrafficWindow> {
  const random = seededRandom(1);
  const ends = Array.from({ length: ENDPOINTS }, (_, number) => endpoint(number));
  const conversations = ends.flatMap((source) =>
    Array.from({ length: CONVERSATIONS }, () => {
      const destination = random() < 0.2 ? outside(random) : (ends[Math.floor(random() * ENDPOINTS)] as TrafficEnd);
      return { source, destination, service: [80, 443, 3306, 6379][Math.floor(random() * 4)] ?? 80 };
    }),
  );
  const first = Math.floor((now - 3_600_000) / WINDOW_MS) * WINDOW_MS;
  for (let start = first; start + WINDOW_MS <= now; start += WINDOW_MS) {
    const active = conversations.filter(() => random() < ACTIVE_SHARE);
    const rows = active.map(({ source, destination, service }) => {
      const samples = 1 + Math.floor(random() * 3);
      return row(source, destination, { service, samples, bytes: 64 + Math.floor(random() * 1400) });
    });
    yield { start, seconds: WINDOW_MS / 1000, rows, samples: [], leftOut: 0 };
  }
}

function endpoint(number: number): EndpointEnd {
  const tenant = `tenant-${number % TENANTS}`;
  return {
    kind: "endpoint",
    endpoint: `ep-${number}`,
    tenant,
    network: `web-${number % 3}`,
    identity: `app-${number}`,
    groups: [`group-${number % 50}`],
    node: `node-${number % 200}`,
    address: IpAddress.parse(`10.20.${number >> 8}.${number & 255}`),
  };
}

function outside(random: () => number): TrafficEnd {
  return { kind: "outside", prefix: "internet", address: IpAddress.parse(`198.51.100.${Math.floor(random() * 256)}`) };
}

interface Amount {
  readonly service: number;
  readonly samples: number;
  readonly bytes: number;
}

function row(source: TrafficEnd, destination: TrafficEnd, { service, samples, bytes }: Amount): WindowRow {
  return {
    exporter: { agent: AGENT, subAgent: 0 },
    vantage: "port",
    direction: destination.kind === "endpoint" ? "internal" : "egress",
    isCounted: true,
    isAttributed: true,
    source,
    destination,
    protocol: 6,
    servicePort: service,
    packets: samples * SAMPLING_RATE,
    bytes: samples * SAMPLING_RATE * bytes,
    samples,
    exactSamples: 0,
  };
}
