import { flowCountersSchema } from "@holdfast/model";
import { expect, test } from "vitest";
import { terminal } from "../testing/terminal.ts";

const PATH = "GET /v1/flows/counters";
const times = { since: "2026-11-20T10:00:00.000Z", until: "2026-11-20T10:05:00.000Z" };
const redis = flowCountersSchema.parse({
  ...{ endpoint: "h1-a", tenant: "shop", network: "web", identity: "redis-0", node: "h1" },
  ...{ exporter: "192.0.2.1", ifIndex: 7, port: "hfp1000" },
  ...times,
  egress: { bytes: 1_250_000, packets: 900, drops: 3, errors: 0, bitRate: 8_000_000, packetRate: 30 },
  ingress: { bytes: 512, packets: 2 },
});
const uplink = flowCountersSchema.parse({
  ...{ exporter: "192.0.2.1", ifIndex: 2, port: "eth1", ...times },
  egress: { bytes: 1 },
  ingress: {},
});

test("flows counters shows what ports have counted, and whose they are", async () => {
  const { run, screen, seen } = terminal({ [PATH]: { body: { items: [redis, uplink], revision: 1 } } });
  expect(await run("flows counters redis-0 -n web --node h1 -t shop"), screen.err).toBe(0);
  expect(Object.fromEntries(new URLSearchParams(seen[0]?.query))).toMatchObject({
    ...{ tenant: "shop", network: "web", identity: "redis-0", node: "h1" },
  });
  expect(screen.out).toMatchInlineSnapshot(`
    "TENANT  IDENTITY  NODE  PORT     OUT RATE     OUT BYTES  OUT PACKETS  OUT DROPS  OUT ERRORS  IN RATE  IN BYTES  IN PACKETS  IN DROPS  IN ERRORS  FOR
    shop    redis-0   h1    hfp1000  8.00 Mbit/s  1.25 MB    900          3          0           -        512 B     2           -         -          5m12s
    -       -         -     eth1     -            1 B        -            -          -           -        -         -           -         -          5m12s
    "
  `);
});

test("flows counters of a time asks for it, and shows for how long of it was counted", async () => {
  const { run, screen, seen } = terminal({ [PATH]: { body: { items: [redis], revision: 0 } } });
  expect(await run("flows counters --last 1h --to 2026-11-20T10:05:00Z"), screen.err).toBe(0);
  expect(Object.fromEntries(new URLSearchParams(seen[0]?.query))).toMatchObject({
    ...{ last: "1h", to: "2026-11-20T10:05:00.000Z" },
  });
  expect(screen.out).toMatch(/ 5m\n$/);
});

test("flows counters says why there is nothing", async () => {
  const { run, screen } = terminal({ [PATH]: { body: { items: [], revision: 0 } } });
  await run("flows counters");
  expect(screen.out).toMatch(/^nothing is counted yet: .*\n$/);
  await run("flows counters --last 1h");
  expect(screen.out).toMatch(/\nnothing was counted in that time\n$/);
});
