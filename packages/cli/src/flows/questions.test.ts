import { topFlowsSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { terminal } from "../testing/terminal.ts";

const traffic = (bytes: number, samples: number, exactSamples = 0) => ({
  packets: samples * 400,
  bytes,
  samples,
  exactSamples,
  errorPercent: samples === exactSamples ? 0 : 196 / Math.sqrt(samples),
});

const top = topFlowsSchema.parse({
  from: "2026-11-20T09:50:10.000Z",
  to: "2026-11-20T10:05:10.000Z",
  seconds: 900,
  by: ["tenant", "identity"],
  measure: "bytes",
  unattributedPercent: 2.34,
  groups: [
    {
      key: { tenant: "shop", identity: "redis-0" },
      traffic: traffic(1_250_000_000, 900),
      percent: 62.5,
      before: traffic(1_000_000_000, 800),
    },
    { key: { tenant: "shop", identity: null }, traffic: traffic(512, 2, 2), percent: 0.02, before: traffic(0, 0) },
  ],
  other: { groups: 12, traffic: traffic(3_000_000, 4), percent: 0.15, before: traffic(6_000_000, 8) },
  total: traffic(2_000_000_000, 1000),
  totalBefore: traffic(2_000_000_000, 1000),
});

describe("flows top", () => {
  test("shows rates, estimates with their error, the others, the total and what has no name", async () => {
    const { run, screen, seen } = terminal({ "GET /v1/flows/top": { body: top } });
    expect(await run("flows top --by identity --last 15m --compare identity=redis-* service=6379")).toBe(0);
    expect(Object.fromEntries(new URLSearchParams(seen[0]?.query))).toEqual({
      by: "identity",
      last: "15m",
      compare: "true",
      filter: "identity=redis-* service=6379",
    });
    expect(screen.out).toMatchInlineSnapshot(`
      "TENANT       IDENTITY  RATE         BYTES    PACKETS  ERROR   SHARE  BEFORE       CHANGE
      shop         redis-0   11.1 Mbit/s  1.25 GB  360 k    ±6.5%   62.5%  8.89 Mbit/s  +25.0%
      shop         -         4.55 bit/s   512 B    800      exact   0.0%   0 bit/s      new
      (12 others)            26.7 kbit/s  3.00 MB  1.60 k   ±98.0%  0.1%   53.3 kbit/s  -50.0%
      (total)                17.8 Mbit/s  2.00 GB  400 k    ±6.2%   100%   17.8 Mbit/s  +0.0%
      2026-11-20 09:50:10 to 10:05:10 UTC; 2.3% of all bytes have no name
      "
    `);
  });

  test("prints csv, json and yaml", async () => {
    const printed = async (format: string): Promise<string> => {
      const { run, screen } = terminal({ "GET /v1/flows/top": { body: top } });
      expect(await run(`flows top -o ${format}`)).toBe(0);
      return screen.out;
    };
    expect(await printed("csv")).toMatchInlineSnapshot(`
      "row,tenant,identity,bytes,packets,samples,errorPercent,percent,bytesBefore,packetsBefore
      group,shop,redis-0,1250000000,360000,900,6.533333333333333,62.5,1000000000,320000
      group,shop,,512,800,2,0,0.02,0,0
      other,,,3000000,1600,4,98,0.15,6000000,3200
      total,,,2000000000,400000,1000,6.1980642139300235,100,2000000000,400000
      "
    `);
    expect(JSON.parse(await printed("json"))).toEqual(top);
    expect(await printed("yaml")).toContain("unattributedPercent: 2.34");
  });

  test("asks for the tenant that was named", async () => {
    for (const line of [
      "flows top -t shop",
      "flows series -t shop",
      "flows matrix -t shop",
      "flows samples -t shop",
      "flows tail -t shop",
    ]) {
      const { run, seen } = terminal();
      await run(line);
      expect(seen[0]?.query, line).toContain("tenant=shop");
    }
  });

  test("points at the place where a filter goes wrong, and asks nobody", async () => {
    const { run, screen, seen } = terminal();
    expect(await run(["flows", "top", "service=80 identiy=a"])).toBe(1);
    expect(screen.err).toMatchInlineSnapshot(`
      "holdfast: filter, character 12: there is no field "identiy"; did you mean identity?
        service=80 identiy=a
                   ^
      "
    `);
    expect(seen).toEqual([]);
  });

  test("says when there is nothing", async () => {
    const nothing = traffic(0, 0);
    const body = {
      ...top,
      groups: [],
      other: { groups: 0, traffic: nothing, percent: 0 },
      total: nothing,
      totalBefore: undefined,
      unattributedPercent: undefined,
    };
    const { run, screen } = terminal({ "GET /v1/flows/top": { body } });
    expect(await run("flows top")).toBe(0);
    expect(screen.out).toBe("no such traffic 2026-11-20 09:50:10 to 10:05:10 UTC; there was no traffic at all\n");
  });

  test("completes fields and measures", async () => {
    const completed = async (words: readonly string[]): Promise<string> => {
      const { run, screen } = terminal();
      await run(["__complete", ...words]);
      return screen.out;
    };
    expect(await completed(["flows", "top", "--by", "peer.id"])).toBe("peer.identity\n");
    expect(await completed(["flows", "top", "--measure", ""])).toBe("bytes\npackets\n");
    expect(await completed(["flows", "top", "source.ten"])).toBe("source.tenant=\n");
  });
});

describe("flows series", () => {
  const series = {
    from: top.from,
    to: top.to,
    seconds: 40,
    by: ["direction"],
    measure: "bytes",
    step: 10,
    times: [
      "2026-11-20T10:00:00.000Z",
      "2026-11-20T10:00:10.000Z",
      "2026-11-20T10:00:20.000Z",
      "2026-11-20T10:00:30.000Z",
    ],
    groups: [{ key: { direction: "egress" }, traffic: traffic(4000, 4), rates: [0, 125_000, 62_500, 250_000] }],
    other: { groups: 0, traffic: traffic(0, 0), rates: [0, 0, 0, 0] },
    total: { traffic: traffic(4000, 4), rates: [0, 125_000, 62_500, 250_000] },
    unattributedPercent: 0,
  };

  test("draws a line each", async () => {
    const { run, screen } = terminal({ "GET /v1/flows/series": { body: series } });
    expect(await run("flows series --by direction")).toBe(0);
    expect(screen.out).toMatchInlineSnapshot(`
      "DIRECTION  OVER TIME  LAST         MEAN        MOST
      egress     .▅▃█       2.00 Mbit/s  875 kbit/s  2.00 Mbit/s
      (total)    .▅▃█       2.00 Mbit/s  875 kbit/s  2.00 Mbit/s
      2026-11-20 09:50:10 to 10:05:10 UTC, 10s each; 0% of all bytes have no name
      "
    `);
  });
});

describe("flows samples and tail", () => {
  const sample = {
    at: "2026-11-20T10:00:01.500Z",
    source: { tenant: "shop", identity: "api-1", address: "10.20.0.8", port: 40_000 },
    destination: { prefix: "office", address: "fd00::7", port: 443 },
    protocol: 6,
    service: 443,
    attributed: true,
    verdict: "denied",
    bytes: 1448,
    rate: 400,
  };

  test("samples are a table", async () => {
    const { run, screen } = terminal({ "GET /v1/flows/samples": { body: { items: [sample] } } });
    expect(await run("flows samples")).toBe(0);
    expect(screen.out).toMatchInlineSnapshot(`
      "AT            SOURCE            DESTINATION            PROTOCOL  BYTES  RATE   VERDICT
      10:00:01.500  shop/api-1:40000  office([fd00::7]):443  tcp       1448   1:400  denied
      "
    `);
  });

  test("samples with verdicts say which rule of which policy has decided", async () => {
    const by = { tenant: "shop", policy: "db", direction: "ingress" };
    const [out, api] = [
      { ...by, policy: "web", direction: "egress", rule: "out" },
      { ...by, rule: "api" },
    ];
    const items = [
      { ...sample, decision: { verdict: "denied", by: [{ ...by, rule: "blocked" }] } },
      { ...sample, decision: { verdict: "denied", by: [by] } },
      { ...sample, decision: { verdict: "allowed", by: [out, api] } },
      { ...sample, verdict: undefined },
    ];
    const { run, screen, seen } = terminal({ "GET /v1/flows/samples": { body: { items } } });
    expect(await run("flows samples --verdict")).toBe(0);
    expect(seen[0]?.query).toContain("verdict=true");
    const verdicts = screen.out.split("\n").map((line) => / 1:400(.*)$/.exec(line)?.[1]?.trim());
    expect(verdicts.slice(1, 5)).toEqual([
      "denied by blocked of shop/db",
      "denied by shop/db: no rule allows it",
      "allowed by out of shop/web, api of shop/db",
      "-",
    ]);
  });

  test("no samples are a sentence", async () => {
    const { run, screen } = terminal({ "GET /v1/flows/samples": { body: { items: [] } } });
    expect(await run("flows samples --last 5m")).toBe(0);
    expect(screen.out).toBe("no such packet was sampled in that time; samples are kept for minutes\n");
  });

  test("tail prints a line each until the stream ends", async () => {
    const { run, screen } = terminal({ "GET /v1/flows/tail": { text: `${JSON.stringify(sample)}\n` } });
    expect(await run("flows tail")).toBe(1);
    expect(screen.out).toBe("10:00:01.500  shop/api-1:40000 > office([fd00::7]):443  tcp  1448 bytes  1:400  denied\n");
  });
});
