import type { AddressStory, LedgerEntry } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { terminal } from "../testing/terminal.ts";

const NAME = { tenant: "default", network: "web", address: "10.20.0.7" };

function entry(event: LedgerEntry["event"], at: string, more: object = {}): LedgerEntry {
  const id = `${9_999_999_999_999 - Date.parse(at)}-999999-ab`;
  return { id, ...NAME, identity: "redis-0", event, at, actor: "operator", revision: 1, ...more } as LedgerEntry;
}

const HISTORY = [
  entry("claimed", "2026-11-18T10:00:00.000Z", { identity: "mysql-1", requestId: "r-1" }),
  entry("released", "2026-11-18T11:00:00.000Z", { identity: "mysql-1" }),
  entry("claimed", "2026-11-19T10:05:12.000Z", { requestId: "r-2" }),
  entry("bound", "2026-11-20T10:00:00.000Z", { actor: "node/h1", node: "h1", endpoint: "e1" }),
];
const REFUSED = entry("refused", "2026-11-20T10:03:12.000Z", {
  identity: "thief",
  count: 3,
  firstAt: "2026-11-20T10:01:00.000Z",
  reason: "10.20.0.7 belongs to redis-0",
});
const STORY = {
  ...NAME,
  state: "bound",
  identity: "redis-0",
  node: "h1",
  endpoint: "e1",
  since: "2026-11-20T10:00:00.000Z",
  formerIdentity: "mysql-1",
  summary: "10.20.0.7 is used by redis-0 on node h1 (endpoint e1) since 2026-11-20T10:00:00.000Z.",
  history: [...HISTORY, REFUSED],
} as unknown as AddressStory;

describe("holdfast ip explain", () => {
  test("tells the whole story of an address", async () => {
    const { run, screen } = terminal({ "GET /v1/ip/10.20.0.7": { body: { items: [STORY] } } });
    expect(await run("ip explain 10.20.0.7")).toBe(0);
    expect(screen.out).toBe(
      `10.20.0.7 in default/web: 10.20.0.7 is used by redis-0 on node h1 (endpoint e1) since 2026-11-20T10:00:00.000Z.

  owner:    redis-0
  where:    node h1, endpoint e1
  since:    2026-11-20T10:00:00.000Z (5 minutes 12 seconds ago)
  why:      bound by node/h1
  claimed:  2026-11-19T10:05:12.000Z (1 day ago), claimed by operator (request r-2)
  before:   mysql-1
  free:     when its claim is released, after a rest
  refused:  3 times, the last time thief by operator, 2026-11-20T10:03:12.000Z (2 minutes ago): 10.20.0.7 belongs to redis-0

AT                        EVENT     IDENTITY  NODE  BY        REASON                                  REQUEST
2026-11-18T10:00:00.000Z  claimed   mysql-1   -     operator  -                                       r-1
2026-11-18T11:00:00.000Z  released  mysql-1   -     operator  -                                       -
2026-11-19T10:05:12.000Z  claimed   redis-0   -     operator  -                                       r-2
2026-11-20T10:00:00.000Z  bound     redis-0   h1    node/h1   -                                       -
2026-11-20T10:03:12.000Z  refused   thief     -     operator  10.20.0.7 belongs to redis-0 (3 times)  -
`,
    );
  });

  test("says from whom an address was passed on, and so does the list", async () => {
    const passed = entry("transferred", "2026-11-20T10:04:12.000Z", {
      identity: "cache-0",
      formerIdentity: "redis-0",
      reason: "renamed",
    });
    const story = { ...STORY, state: "claimed", identity: "cache-0", formerIdentity: "redis-0", history: [passed] };
    const page = { items: [passed], completeFrom: "2026-01-01T00:00:00.000Z" };
    const { run, screen, seen } = terminal({
      "GET /v1/ip/10.20.0.7": { body: { items: [story] } },
      "GET /v1/ledger": { body: page },
    });
    await run("ip explain 10.20.0.7");
    expect(screen.out).toContain("why:     transferred from redis-0 by operator: renamed\n");
    expect(screen.out).toContain("before:  redis-0\n");
    expect(screen.out).toMatch(/transferred +redis-0 -> cache-0 /);
    screen.out = "";
    await run("ledger list --identity redis-0");
    expect(seen.at(-1)?.query).toContain("identity=redis-0");
    expect(screen.out).toMatch(/transferred +default\/web +10.20.0.7 +redis-0 -> cache-0 /);
  });

  test("as of a moment sends it in UTC, says how it was understood, and shows what came before and after", async () => {
    const at = "2026-11-19T12:00:00.000Z";
    const then = {
      ...NAME,
      at,
      completeFrom: "2026-01-01T00:00:00.000Z",
      state: "claimed",
      identity: "redis-0",
      since: "2026-11-19T10:05:12.000Z",
      formerIdentity: "mysql-1",
      summary: `at ${at}, 10.20.0.7 was kept for redis-0, which no endpoint had, since 2026-11-19T10:05:12.000Z.`,
      history: HISTORY,
    };
    const { run, screen, seen } = terminal({ "GET /v1/ip/10.20.0.7": { body: { items: [then] } } });
    expect(await run(["ip", "explain", "10.20.0.7", "--at", at])).toBe(0);
    expect(seen[0]?.query).toBe(`at=${encodeURIComponent(at)}`);
    expect(screen.err).toMatch(/^2026-11-19T12:00:00.000Z is \w+ 2026-11-1\d \d\d:\d\d:\d\d [+-]\d\d:\d\d\n$/);
    expect(screen.out).toContain("  since:   2026-11-19T10:05:12.000Z (1 hour 54 minutes before then)\n");
    expect(screen.out).toMatch(/up to then:\n(.*\n){4}\nafter that:\n.*\n.*bound/);
    expect(await run(["ip", "explain", "10.20.0.7", "--at", "noon"])).toBe(1);
    expect(screen.err).toContain('"noon" is no moment of the past');
    expect(seen).toHaveLength(1);
  });
});

describe("holdfast ledger list", () => {
  test("shows what happened since, as filtered", async () => {
    const body = { items: HISTORY, completeFrom: "2026-01-01T00:00:00.000Z" };
    const { run, screen, seen } = terminal({ "GET /v1/ledger": { body } });
    expect(await run("ledger list --since 3d --network web --event bound --tenant blue")).toBe(0);
    const query = Object.fromEntries(new URLSearchParams(seen[0]?.query));
    expect(query).toEqual({
      limit: "1000",
      tenant: "blue",
      network: "web",
      event: "bound",
      from: "2026-11-17T10:05:12.000Z",
    });
    expect(screen.out).toMatch(/^AT +EVENT +NETWORK +ADDRESS +IDENTITY +NODE +BY +REASON +REQUEST\n/);
    expect(screen.out).toMatch(
      /2026-11-20T10:00:00.000Z +bound +default\/web +10.20.0.7 +redis-0 +h1 +node\/h1 +- +-\n/,
    );
  });

  test("says when there is nothing, when there is more, and what an event can be", async () => {
    const none = terminal({ "GET /v1/ledger": { body: { items: [], completeFrom: "2026-01-01T00:00:00.000Z" } } });
    await none.run("ledger list");
    expect(none.screen.out).toMatch(/^nothing has happened since Thursday 2026-11-19/);
    const many = terminal({ "GET /v1/ledger": { body: { items: HISTORY, completeFrom: "2026-01-01T00:00:00.000Z" } } });
    await many.run("ledger list --limit 2");
    expect(many.screen.out.split("\n")).toHaveLength(4);
    expect(many.screen.err).toMatch(/^only the first 2 since .*holdfast ledger export\n$/);
    expect(await many.run("ledger list --event stolen")).toBe(1);
    expect(many.screen.err).toContain("--event stolen is none of claimed, imported, bound");
  });
});

describe("holdfast ledger export", () => {
  const lines = (entries: readonly LedgerEntry[], end: boolean) =>
    [
      ...entries.map((one) => ({ type: "entry", entry: one })),
      ...(end ? [{ type: "end", entries: entries.length, completeFrom: "2026-01-01T00:00:00.000Z" }] : []),
    ]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join("");

  test("goes on where the stream broke off, and ends when it is complete", async () => {
    const { run, screen, seen } = terminal({
      "GET /v1/ledger/export": [{ text: lines(HISTORY.slice(0, 3), false) }, { text: lines(HISTORY.slice(3), true) }],
    });
    expect(await run("ledger export -o jsonl --network web")).toBe(0);
    expect(
      screen.out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(HISTORY);
    expect(seen.map(({ query }) => query)).toEqual(["network=web", `network=web&after=${HISTORY[2]?.id}`]);
    expect(screen.err).toBe("the ledger is complete from 2026-01-01T00:00:00.000Z on\n");
  });

  test("quotes what CSV needs quoted", async () => {
    const reason = 'said "no", twice';
    const { run, screen } = terminal({
      "GET /v1/ledger/export": { text: lines([{ ...HISTORY[0], reason } as LedgerEntry], true) },
    });
    expect(await run("ledger export --from 30d")).toBe(0);
    const [head, line] = screen.out.split("\n");
    expect(head).toBe(
      "at,event,tenant,network,address,identity,node,endpoint,actor,requestId,reason,formerIdentity,formerEndpoint,restsUntil,count,firstAt,revision,id",
    );
    expect(line).toContain(',operator,r-1,"said ""no"", twice",');
    expect(screen.err).toBe("");
    expect(await run("ledger export -o yaml")).toBe(2);
    expect(screen.err).toContain("--output yaml is not for this command; it prints csv, jsonl");
    expect(await run("ledger list -o csv")).toBe(2);
  });

  test("says how to go on when it cannot", async () => {
    const broken = { text: lines(HISTORY.slice(0, 1), false) };
    const gone = { status: 503, body: {} };
    const { run, screen } = terminal({ "GET /v1/ledger/export": [broken, gone] });
    expect(await run("ledger export")).toBe(1);
    expect(screen.err).toContain(`the export broke off: go on with --after ${HISTORY[0]?.id}`);
  }, 20_000);
});
