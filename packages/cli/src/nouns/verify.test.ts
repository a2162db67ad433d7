import { Readable } from "node:stream";
import type { Difference, VerificationMessage } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import type { CliIo } from "../io.ts";
import { runCli } from "../program.ts";

const missing: Difference = {
  kind: "endpoint-missing",
  object: "endpoint e1",
  book: "active on h1 for redis-0 with 10.20.0.7",
  world: "node h1 does not have it",
  firstSeen: "2026-11-20T10:00:00.000Z",
  observations: 1,
  proven: false,
  repairable: true,
  remedy: "redis-0 keeps its claim (reserved) and may be bound again",
};
const twice: Difference = {
  ...missing,
  observations: 2,
  proven: true,
  outcome: { repaired: true, detail: "redis-0 keeps 10.20.0.7 and is detached" },
};
const outside: Difference = {
  ...missing,
  kind: "claim-outside",
  object: "claim default/web/x",
  world: "172.16.0.1 is in no subnet of the network",
  observations: 3,
  proven: true,
  repairable: false,
  remedy: "give the network the subnet back, or release the claim",
};

function round(...found: readonly Difference[]): VerificationMessage[] {
  const repaired = found.filter(({ outcome }) => outcome?.repaired === true).length;
  const again = found.some(({ proven, repairable }) => repairable && !proven) ? 60 : 0;
  const checked = { nodes: 2, endpoints: 1, claims: 1, addresses: 1, history: 4 };
  const proven = found.filter((difference) => difference.proven).length;
  return [
    { kind: "progress", stage: "nodes", done: 0, total: 2 },
    { kind: "unproven", node: "h2" as never, reason: "it has been silent for 5m; its 3 endpoints are left alone" },
    ...found.map((difference) => ({ kind: "difference" as const, difference })),
    { kind: "end", checked, differences: found.length, unlisted: 0, proven, repaired, again },
  ];
}

/** A terminal before a controller that answers one round after the other. */
function terminal(...rounds: readonly (readonly VerificationMessage[])[]) {
  const screen = { out: "", err: "" };
  const asked: string[] = [];
  const waited: number[] = [];
  let seconds = 0;
  const left = [...rounds];
  const io: CliIo = {
    out: (text) => {
      screen.out += text;
    },
    err: (text) => {
      screen.err += text;
    },
    environment: { HOLDFAST_SERVER: "http://c" },
    readFile: () => Promise.reject(new Error("no file")),
    readBytes: () => Readable.from([]),
    fetch: ((url: string, { method }: { method: string }) => {
      asked.push(`${method} ${url.replace("http://c", "")}`);
      const lines = (left.shift() ?? []).map((message) => `${JSON.stringify(message)}\n`);
      return Promise.resolve(new Response(lines.join("")));
    }) as unknown as CliIo["fetch"],
    now: () => new Date(Date.UTC(2026, 10, 20, 10, 5, seconds++)),
    wait: (milliseconds) => {
      waited.push(milliseconds);
      return Promise.resolve();
    },
    signal: new AbortController().signal,
  };
  return { screen, asked, waited, run: (line: string) => runCli(line.split(" "), io) };
}

describe("holdfast ip verify", () => {
  test("says that there is no difference, and of which nodes nothing is known", async () => {
    const { run, screen, asked } = terminal(round());
    expect(await run("ip verify")).toBe(0);
    expect(screen.out).toMatchInlineSnapshot(`
      "node h2 proves nothing: it has been silent for 5m; its 3 endpoints are left alone
      looked at: nodes 2, endpoints 1, claims 1, addresses 1, history 4
      no difference
      "
    `);
    expect(asked).toEqual(["POST /v1/ip/verify?fix=false"]);
  });

  test("prints a table and a sentence of each difference, and fails", async () => {
    const { run, screen } = terminal(round(missing, outside));
    expect(await run("ip verify")).toBe(1);
    expect(screen.out).toMatchInlineSnapshot(`
      "KIND              OBJECT               STATE      SINCE
      endpoint-missing  endpoint e1          seen once  2026-11-20T10:00:00.000Z
      claim-outside     claim default/web/x  by hand    2026-11-20T10:00:00.000Z

      endpoint e1
        book:  active on h1 for redis-0 with 10.20.0.7
        world: node h1 does not have it
        a repair: redis-0 keeps its claim (reserved) and may be bound again
      claim default/web/x
        book:  active on h1 for redis-0 with 10.20.0.7
        world: 172.16.0.1 is in no subnet of the network
        to do: give the network the subnet back, or release the claim

      node h2 proves nothing: it has been silent for 5m; its 3 endpoints are left alone
      looked at: nodes 2, endpoints 1, claims 1, addresses 1, history 4
      2 differences, 1 proven; what is seen again after 60 s is proven; repair what is proven: holdfast ip verify --fix
      "
    `);
    expect(screen.err).toContain("nodes: 0 of 2\n");
    expect(screen.err).toContain("holdfast: 2 differences are left\n");
  });

  test("--fix waits for the second look, and says what was done", async () => {
    const { run, screen, asked, waited } = terminal(round(missing), round(twice));
    expect(await run("ip verify --fix --node h1")).toBe(0);
    expect(waited).toEqual([60_000]);
    expect(asked).toEqual(["POST /v1/ip/verify?node=h1&fix=true", "POST /v1/ip/verify?node=h1&fix=true"]);
    expect(screen.err).toContain("1 seen; looking again in 60 s, for nothing is repaired on one look\n");
    expect(screen.out).toContain("endpoint-missing  endpoint e1  repaired");
    expect(screen.out).toContain("  redis-0 keeps 10.20.0.7 and is detached\n");
    expect(screen.out).toContain("1 difference, 1 repaired\n");
  });

  test("--fix --no-wait repairs only what was seen before", async () => {
    const { run, waited } = terminal(round(missing));
    expect(await run("ip verify --fix --no-wait")).toBe(1);
    expect(waited).toEqual([]);
  });

  test("what the first look repairs is told with the second", async () => {
    const { run, screen } = terminal(round(twice, { ...missing, object: "endpoint e2" }), round(outside));
    expect(await run("ip verify --fix")).toBe(1);
    expect(screen.out).toContain("2 differences, 1 repaired\n");
    expect(screen.err).toContain("1 difference is left");
  });

  test("-o json prints everything for machines, and says nothing else", async () => {
    const { run, screen } = terminal(round(missing));
    expect(await run("ip verify -o json --network web")).toBe(1);
    const { differences, unproven, end } = JSON.parse(screen.out);
    expect(differences).toEqual([missing]);
    expect(unproven).toHaveLength(1);
    expect(end).toMatchObject({ differences: 1, again: 60 });
    expect(screen.err).toBe("holdfast: 1 difference is left\n");
  });

  test("refuses what contradicts itself, and a verification that was broken off", async () => {
    const both = terminal(round());
    expect(await both.run("ip verify --fix --dry-run")).toBe(1);
    expect(both.screen.err).toContain("--fix does not go with --dry-run");
    expect(both.asked).toEqual([]);
    const broken = terminal([]);
    expect(await broken.run("ip verify")).toBe(1);
    expect(broken.screen.err).toContain("has ended");
  });
});
