import { type FlowStatus, flowStatusSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { terminal } from "../testing/terminal.ts";

const share = { bytes: 2000, unattributedBytes: 100, unnamedOutsideBytes: 500, unattributedPercent: 5 };
const status = flowStatusSchema.parse({
  startedAt: "2026-11-20T08:00:00.000Z",
  window: {
    start: "2026-11-20T10:05:00.000Z",
    seconds: 10,
    datagramsPerSecond: 1234.5,
    samplesPerSecond: 7407,
    rows: 812,
    share: { ...share, unattributedBytes: 0, unattributedPercent: 0 },
  },
  taken: { datagrams: 1_234_567, bytes: 1_481_480_400, samples: 7_407_402, discards: 0 },
  lost: { kernel: 3, missing: 12, leftOut: 0, early: 0, store: 0 },
  refused: { version: 2 },
  unknownFormats: 0,
  share,
  inventory: { state: "in-step", since: "2026-11-20T08:00:01.000Z", endpoints: 10_000, nodes: 4 },
  store: { kind: "none", description: "Forgotten." },
  exporters: [
    {
      agent: "10.9.0.1",
      subAgent: 1,
      node: "h1",
      received: 600_000,
      lost: 12,
      restarts: 0,
      samplesLost: 72,
      samplingRates: [64, 400],
      heardAt: "2026-11-20T10:05:10.000Z",
      state: "heard",
    },
  ],
  exporterCount: 1,
});

const answering = (body: FlowStatus) => terminal({ "GET /v1/flows/status": { body } });

describe("flows status", () => {
  test("says what comes in, what is lost and what has no name", async () => {
    const { run, screen } = answering(status);
    expect(await run("flows status --collector http://c")).toBe(0);
    expect(screen.out).toMatchInlineSnapshot(`
      "running for:     2h5m
      last window:     10:05:00, 10s: 1,235 datagrams/s, 7,407 samples/s, 812 rows
      taken:           1,234,567 datagrams, 7,407,402 samples
      lost:            3 datagrams in the kernel, 12 datagrams missing by their exporters' count
      refused:         2 version
      without a name:  5.0 % of all bytes, 0.0 % of the last window's
      inventory:       in step for 2h5m, 10,000 endpoints on 4 nodes
      store:           none: Forgotten.

      AGENT     SUB  NODE  STATE  RATE        DATAGRAMS  LOST  SAMPLES LOST  RESTARTS
      10.9.0.1  1    h1    heard  1:64,1:400  600,000    12    72            0
      "
    `);
  });

  test("says that nothing comes, and what to do about it", async () => {
    const { window: _, ...young } = status;
    const { run, screen } = answering({
      ...young,
      lost: { kernel: 0, missing: 0, leftOut: 0, early: 0, store: 0 },
      refused: {},
      share: { bytes: 0, unattributedBytes: 0, unnamedOutsideBytes: 0 },
      inventory: { state: "off", since: status.startedAt, endpoints: 0, nodes: 0 },
      exporters: [],
      exporterCount: 0,
    });
    expect(await run("flows status --collector http://c")).toBe(0);
    expect(screen.out).toMatchInlineSnapshot(`
      "running for:     2h5m
      last window:     none is over yet
      taken:           1,234,567 datagrams, 7,407,402 samples
      lost:            nothing
      refused:         nothing
      without a name:  nothing: there was no traffic
      inventory:       off: nobody said which controller knows the names
      store:           none: Forgotten.

      no exporter was heard of; nodes export where controller --sflow-targets says
      "
    `);
  });

  test("says where no collector answers", async () => {
    const { run, screen } = terminal();
    expect(await run("flows status --collector http://c")).toBe(1);
    expect(screen.err).toContain("GET /v1/flows/status is not there");
  });

  test.each([
    [
      { key: "flows", content: "windows" as const, pushed: 12_345, dropped: 0, waitingWindows: 0 },
      "list:            12,345 documents of windows put into flows",
    ],
    [
      { key: "flows", content: "samples" as const, pushed: 12, dropped: 1345, waitingWindows: 2, error: "refused" },
      "list:            12 documents of samples put into flows, 1,345 dropped, 2 windows wait: refused",
    ],
  ])("says how it goes with the list that others take flows from", async (list, line) => {
    const { run, screen } = answering({ ...status, list });
    expect(await run("flows status --collector http://c")).toBe(0);
    expect(screen.out.split("\n")).toContain(line);
  });

  const since = "2026-11-20T10:00:00.000Z";
  const connected = { state: "connected" as const, since };
  const receiver = { redis: connected, sent: 1_200_000, waiting: 0, dropped: 0, entries: 281, bytes: 1_500_000 };
  const worker = {
    redis: connected,
    state: "reading" as const,
    lost: 0,
    repeated: 7,
    foreign: 0,
    unkeptWindows: 1,
    behindSeconds: 0,
  };

  test.each([
    [
      "in step",
      receiver,
      worker,
      [
        "into Redis:      connected for 5m12s, 1,200,000 datagrams given to holdfast:sflow, which has 281 entries of 1.50 MB",
        "out of Redis:    connected for 5m12s, in step with holdfast:sflow",
      ],
    ],
    [
      "while Redis is away",
      { ...receiver, redis: { state: "away" as const, since, error: "refused" }, waiting: 5000, dropped: 20 },
      { ...worker, redis: { state: "away" as const, since, error: "refused" }, behindSeconds: 300 },
      [
        "into Redis:      away for 5m12s (refused), 1,200,000 datagrams given to holdfast:sflow, which has 281 entries of 1.50 MB, 5,000 wait, 20 given up",
        "out of Redis:    away for 5m12s (refused), 5m behind holdfast:sflow",
      ],
    ],
    [
      "while the store is full",
      undefined,
      { ...worker, unkeptWindows: 4, behindSeconds: 75, storeError: "disk full" },
      ["out of Redis:    connected for 5m12s, 1m15s behind holdfast:sflow, 4 windows wait: disk full"],
    ],
    [
      "on standby",
      undefined,
      { ...worker, state: "standby" as const, holder: "h2-5f0c", foreign: 3 },
      ["out of Redis:    connected for 5m12s, standby: h2-5f0c reads holdfast:sflow, 3 entries not read"],
    ],
  ])("says how the way through Redis does, %s", async (_, one, other, lines) => {
    const stream = {
      key: "holdfast:sflow",
      ...(one === undefined ? {} : { receiver: one }),
      ...(other === undefined ? {} : { worker: other }),
    };
    const { run, screen } = answering({ ...status, lost: { ...status.lost, stream: 1500 }, stream });
    expect(await run("flows status --collector http://c")).toBe(0);
    expect(screen.out).toContain(", 1,500 datagrams between receiver and worker\n");
    expect(screen.out.split("\n").filter((line) => line.includes(" Redis:"))).toEqual(lines);
  });
});
