import { describe, expect, test } from "vitest";
import { retentionOf } from "./nouns/retention.ts";
import { parseSubnet } from "./nouns/subnet-text.ts";
import { runCli } from "./program.ts";
import { terminal } from "./testing/terminal.ts";

const network = {
  tenant: "default",
  name: "web",
  id: "n1",
  kind: "vlan",
  segment: 100,
  subnets: [{ prefix: "10.20.0.0/16", gateway: "10.20.0.1", ranges: [], exclusions: [] }],
  mtu: 1500,
  docker: true,
  cooldownSeconds: 60,
  labels: { env: "prod" },
  createdAt: "2026-11-20T10:00:00.000Z",
  revision: 7,
};
const claim = {
  tenant: "default",
  network: "web",
  identity: "redis-0",
  addresses: ["10.20.0.7"],
  mac: "02:64:0a:14:00:07",
  retention: { kind: "reserved" },
  epoch: 0,
  labels: {},
  createdAt: "2026-11-20T10:00:00.000Z",
  revision: 9,
};

describe("holdfast network", () => {
  test("create sends what was typed and shows what was made", async () => {
    const { run, seen, screen } = terminal({ "POST /v1/tenants/default/networks": { status: 201, body: network } });
    expect(await run("network create web --kind vlan --vlan 100 --subnet 10.20.0.0/16 --label env=prod")).toBe(0);
    expect(seen[0]?.body).toEqual({
      name: "web",
      kind: "vlan",
      segment: 100,
      subnets: [{ prefix: "10.20.0.0/16", ranges: [], exclusions: [] }],
      docker: true,
      labels: { env: "prod" },
    });
    expect(screen.out).toContain("VLAN:            100\n");
    expect(screen.out).toContain("subnet:          10.20.0.0/16 gateway 10.20.0.1\n");
  });

  test("list prints aligned columns, JSON on request, and a hint when there is nothing", async () => {
    const one = terminal({ "GET /v1/networks": { body: { items: [network], revision: 9 } } });
    await one.run("network list");
    expect(one.screen.out).toBe(
      "TENANT   NAME  KIND  SEGMENT  SUBNETS       MTU   AGE\ndefault  web   vlan  100      10.20.0.0/16  1500  5m12s\n",
    );
    const machine = terminal({ "GET /v1/networks": { body: { items: [network], revision: 9 } } });
    await machine.run("network list -o json");
    expect(JSON.parse(machine.screen.out)).toEqual({ items: [network] });
    const none = terminal({ "GET /v1/networks": { body: { items: [], revision: 1 } } });
    await none.run("network list");
    expect(none.screen.out).toContain("no networks yet; make one: holdfast network create");
  });

  test("a segment flag of the other kind is refused before anything is sent", async () => {
    const { run, seen, screen } = terminal();
    expect(await run("network create web --kind vxlan --vlan 100")).toBe(1);
    expect(screen.err).toBe("holdfast: --vlan does not go with --kind vxlan; use --vni\n");
    expect(seen).toEqual([]);
  });

  test("a routed network has no segment to give or to show", async () => {
    const refused = terminal();
    expect(await refused.run("network create web --kind routed --vlan 100")).toBe(1);
    expect(refused.screen.err).toBe("holdfast: --vlan does not go with --kind routed, whose packets carry none\n");
    const { segment: _, ...rest } = network;
    const body = { ...rest, kind: "routed", masquerade: true };
    const made = terminal({ "POST /v1/tenants/default/networks": { status: 201, body } });
    expect(await made.run("network create web --kind routed --masquerade --subnet 10.20.0.0/16")).toBe(0);
    expect(made.seen.at(-1)?.body).toMatchObject({ kind: "routed", masquerade: true });
    expect(made.seen.at(-1)?.body).not.toHaveProperty("segment");
    expect(made.screen.out).toMatch(/kind: +routed\n(.*\n)*masquerade: +yes\n/);
    expect(made.screen.out).not.toMatch(/VNI|VLAN/);
    const listed = terminal({ "GET /v1/networks": { body: { items: [body], revision: 9 } } });
    await listed.run("network list");
    expect(listed.screen.out).toMatch(/routed +- +10\.20/);
  });
});

describe("node blocks", () => {
  const WEB = "/v1/tenants/default/networks/web";
  const since = "2026-11-20T10:00:00.000Z";
  const ranges = [{ first: "10.20.0.128", last: "10.20.0.143" }];
  const named = { tenant: "default", network: "web", prefix: "10.20.0.128/28", node: "h1", lease: "b-1", ranges };
  const block = { ...named, since, revision: 9 };
  const page = { items: [{ ...block, capacity: 16, used: 3 }], revision: 9 };

  test("are turned on, resized and turned off with the network, and a bad size is refused before anything is sent", async () => {
    const answers = {
      "POST /v1/tenants/default/networks": { status: 201, body: { ...network, nodeBlocks: { size: 16 } } },
      [`PATCH ${WEB}`]: { body: network },
    };
    const { run, seen, screen } = terminal(answers);
    await run("network create web --kind vlan --node-blocks 16");
    expect(seen[0]?.body).toMatchObject({ nodeBlocks: { size: 16 } });
    expect(screen.out).toContain("node blocks:     of 16 addresses\n");
    await run("network update web --node-blocks 32");
    await run("network update web --no-node-blocks");
    await run("network update web --cooldown 5m");
    expect(seen.slice(1).map(({ body }) => body)).toEqual([
      { nodeBlocks: { size: 32 } },
      { nodeBlocks: null },
      { cooldownSeconds: 300 },
    ]);
    expect(await run("network update web --node-blocks 20")).toBe(1);
    expect(screen.err).toContain("--node-blocks 20: a block has 4, 8, 16, 32, 64, 128 or 256 addresses");
    expect(seen).toHaveLength(4);
  });

  test("are listed by network and by node, with a hint when there is none", async () => {
    const list = { "GET /v1/blocks": { body: page } };
    for (const [line, path, object] of [
      ["network blocks web", WEB, network],
      [
        "node blocks h1",
        "/v1/nodes/h1",
        { name: "h1", version: "1", labels: {}, state: "ready", createdAt: since, revision: 1 },
      ],
    ] as const) {
      const { run, screen } = terminal({ ...list, [`GET ${path}`]: { body: object } });
      expect(await run(line)).toBe(0);
      expect(screen.out).toBe(
        "TENANT   NETWORK  BLOCK           NODE  USED     STATE  AGE\n" +
          "default  web      10.20.0.128/28  h1    3 of 16  -      5m12s\n",
      );
    }
    const none = terminal({
      "GET /v1/blocks": { body: { items: [], revision: 1 } },
      [`GET ${WEB}`]: { body: network },
    });
    await none.run("network blocks web");
    expect(none.screen.out).toContain("holdfast network update web --node-blocks 16");
    expect(await terminal().run("network blocks nowhere")).toBe(1);
  });

  test("are asked back, or taken by force with a reason", async () => {
    const { run, seen, screen } = terminal({ [`POST ${WEB}/blocks/10.20.0.128%2F28/reclaim`]: { body: block } });
    await run("network reclaim web 10.20.0.128/28");
    await run("network reclaim web 10.20.0.128/28 --force --reason gone");
    expect(seen.map(({ body }) => body)).toEqual([{ force: false }, { force: true, reason: "gone" }]);
    expect(screen.out).toBe(
      "node h1 is asked for block 10.20.0.128/28, and gives it back when none of its addresses is in use\n" +
        "block 10.20.0.128/28 taken from node h1; its addresses rest for the cool-down\n",
    );
  });
});

describe("holdfast subnet", () => {
  test("set-group and remove-group say what was done", async () => {
    const path = "/v1/tenants/default/networks/web/subnets/10.20.0.0%2F16/groups/db";
    const { run, seen, screen } = terminal({
      [`PUT ${path}`]: { body: network },
      [`DELETE ${path}`]: { body: network },
    });
    expect(await run("subnet set-group 10.20.0.0/16 db 10.20.1.0-10.20.1.31 10.20.2.7 -n web")).toBe(0);
    expect(seen[0]?.body).toEqual({
      ranges: [
        { first: "10.20.1.0", last: "10.20.1.31" },
        { first: "10.20.2.7", last: "10.20.2.7" },
      ],
    });
    expect(await run("subnet remove-group 10.20.0.0/16 db -n web")).toBe(0);
    expect(screen.out).toBe(
      "10.20.1.0-10.20.1.31, 10.20.2.7 of 10.20.0.0/16 set aside for group db in default/web\n" +
        "ranges of group db in 10.20.0.0/16 of default/web given back\n",
    );
  });
});

describe("holdfast claim", () => {
  test("create prints identity, address and MAC on one line", async () => {
    const { run, screen } = terminal({ "POST /v1/tenants/default/networks/web/claims": { status: 201, body: claim } });
    expect(await run("claim create redis-0 --network web")).toBe(0);
    expect(screen.out).toBe("redis-0  10.20.0.7  02:64:0a:14:00:07\n");
  });

  test("create of several says what became of each, and fails when one was refused", async () => {
    const problem = {
      type: "https://holdfast.example/problems/already_exists",
      title: "already exists",
      status: 409,
      detail: "redis-1 has a claim in network default/web: 10.20.0.8",
      code: "already_exists",
      retryable: false,
    };
    const results = [
      { outcome: "done", claim },
      { outcome: "refused", identity: "redis-1", problem },
    ];
    const body = { dryRun: false, done: 1, refused: 1, skipped: 0, results };
    const answers = { "POST /v1/tenants/default/networks/web/bulk/claims": { body } };
    const { run, seen, screen } = terminal(answers, {
      "names.yaml": "- redis-0\n- identity: redis-1\n  retention: { kind: ephemeral }\n",
    });
    expect(await run("claim create -f names.yaml --network web --mode each --label env=prod")).toBe(1);
    expect(seen[0]?.body).toEqual({
      mode: "each",
      dryRun: false,
      items: [
        { identity: "redis-0", retention: { kind: "reserved" }, labels: { env: "prod" } },
        { identity: "redis-1", retention: { kind: "ephemeral" }, labels: { env: "prod" } },
      ],
    });
    expect(screen.out).toBe(
      "IDENTITY  ADDRESS    MAC                OUTCOME\n" +
        "redis-0   10.20.0.7  02:64:0a:14:00:07  claimed\n" +
        "redis-1   -          -                  refused: redis-1 has a claim in network default/web: 10.20.0.8\n",
    );
    expect(screen.err).toBe("holdfast: 1 of 2 refused; the others are done\n");
  });

  test("release of several names them all in one request, and --dry-run only asks", async () => {
    const body = { dryRun: true, done: 1, refused: 0, skipped: 0, results: [{ outcome: "done", claim }] };
    const answers = { "POST /v1/tenants/default/networks/web/bulk/releases": { body } };
    const { run, seen, screen } = terminal(answers);
    expect(await run("claim release redis-0 redis-1 --network web --dry-run")).toBe(0);
    expect(seen[0]?.body).toEqual({
      mode: "all",
      dryRun: true,
      items: [{ identity: "redis-0" }, { identity: "redis-1" }],
    });
    expect(screen.out).toContain("would be released\n");
  });

  test.for([
    ["claim create --network web", "name at least one identity"],
    ["claim create redis --replicas 0 --network web", "--replicas 0 is not a whole number from 1"],
    ["claim create a b --mode some --network web", "--mode some is neither all nor each"],
    ["claim create -f map.yaml --network web", "map.yaml is not a YAML or JSON list"],
    ["claim create -f odd.yaml --network web", "odd.yaml, entry 2: neither a name"],
    ["claim create -f broken.yaml --network web", "broken.yaml: "],
  ] as const)("holdfast %s is refused before anything is sent", async ([line, message]) => {
    const files = { "map.yaml": "identity: a", "odd.yaml": "- a\n- 7\n", "broken.yaml": "- [a" };
    const { run, seen, screen } = terminal({}, files);
    expect(await run(line)).toBe(1);
    expect(screen.err).toContain(message);
    expect(seen).toEqual([]);
  });

  test("options of the program may stand after the command", async () => {
    const { run, seen } = terminal({ "GET /v1/tenants/blue/networks/web/claims/redis-0": { body: claim } });
    expect(await run("claim get redis-0 --network web --tenant blue -o json")).toBe(0);
    expect(seen[0]?.request).toBe("GET /v1/tenants/blue/networks/web/claims/redis-0");
  });

  test("create with a selector says which network it is", async () => {
    const { run, seen, screen } = terminal({ "POST /v1/tenants/default/claims": { status: 201, body: claim } });
    expect(await run("claim create redis-0 --selector env=prod")).toBe(0);
    expect(seen[0]?.body).toMatchObject({ identity: "redis-0", selector: "env=prod" });
    expect(screen.out).toBe("redis-0  10.20.0.7  02:64:0a:14:00:07  web\n");
    for (const line of ["claim create a", "claim create a -n web -s b=c", "claim create a b -s b=c"]) {
      expect(await run(line)).toBe(1);
    }
    expect(seen).toHaveLength(1);
  });

  test("transfer passes the claim on", async () => {
    const path = "POST /v1/tenants/default/networks/web/claims/redis-0/transfer";
    const { run, seen, screen } = terminal({ [path]: { body: { ...claim, identity: "cache-0" } } });
    expect(await run("claim transfer redis-0 cache-0 -n web --reason renamed")).toBe(0);
    expect(seen[0]).toMatchObject({ request: path, body: { identity: "cache-0", reason: "renamed" } });
    expect(screen.out).toContain("identity:   cache-0\n");
  });

  test("create says how many addresses, and out of what", async () => {
    const { run, seen } = terminal({ "POST /v1/tenants/default/networks/web/claims": { status: 201, body: claim } });
    expect(await run("claim create lb-0 -n web --count 4 --range 10.20.1.0-10.20.1.63 --group db")).toBe(0);
    const range = { first: "10.20.1.0", last: "10.20.1.63" };
    expect(seen[0]?.body).toMatchObject({ identity: "lb-0", count: 4, range, group: "db" });
  });

  test("retentions are read as people write them", () => {
    expect(retentionOf("sticky:1h30m")).toEqual({ kind: "sticky", ttlSeconds: 5400 });
    expect(() => retentionOf("forever")).toThrow(
      "--retention forever is none of reserved, sticky:TIME (1s to 365d), ephemeral",
    );
  });
});

describe("the retention of a network", () => {
  const retention = { kind: "sticky", ttlSeconds: 3600 };

  test("is set and taken away, and a bad one is refused before anything is sent", async () => {
    const { run, seen, screen } = terminal({
      "POST /v1/tenants/default/networks": { status: 201, body: { ...network, retention } },
      "PATCH /v1/tenants/default/networks/web": { body: network },
    });
    await run("network create web --kind vlan --retention sticky:1h");
    expect(screen.out).toContain("retention:       named workloads: sticky 1h\n");
    await run("network update web --no-retention");
    await run("network update web --retention reserved");
    expect(screen.out).toContain("retention:       named workloads get no claims\n");
    expect(seen.map(({ body }) => body)).toMatchObject([
      { retention },
      { retention: null },
      { retention: { kind: "reserved" } },
    ]);
    expect(await run("network update web --retention ephemeral")).toBe(1);
    expect(screen.err).toContain("a network's is sticky:TIME or reserved; --no-retention is what ephemeral would be");
    expect(seen).toHaveLength(3);
  });
});

describe("holdfast tenant", () => {
  const families = {
    capacity: "253",
    used: "2",
    held: "1",
    cooling: "0",
    quarantined: "0",
    setAside: "0",
    free: "251",
  };
  const none = { capacity: "0", used: "0", held: "0", cooling: "0", quarantined: "0", setAside: "0", free: "0" };

  test("usage shows what there is and what may be", async () => {
    const usage = { tenant: "blue", networks: 1, claims: 2, addresses: 2, quotas: { addresses: 10 } };
    const body = { ...usage, v4: families, v6: none };
    const { run, screen } = terminal({ "GET /v1/tenants/blue/usage": { body } });
    expect(await run("tenant usage blue")).toBe(0);
    expect(screen.out).toMatchInlineSnapshot(`
      "WHAT       USED  QUOTA
      networks   1     none
      claims     2     none
      addresses  2     10

      FAMILY  CAPACITY  USED  HELD  COOLING  QUARANTINED  SET ASIDE  FREE
      v4      253       2     1     0        0            0          251
      v6      0         0     0     0        0            0          0
      "
    `);
  });

  test("quotas are read as people write them, and wrong ones refused before anything is sent", async () => {
    const tenant = { name: "blue", labels: {}, createdAt: "2026-11-20T10:00:00.000Z", revision: 3 };
    const { run, seen, screen } = terminal({ "PATCH /v1/tenants/blue": { body: tenant } });
    expect(await run("tenant update blue --quota addresses=10 --quota claims=none")).toBe(0);
    expect(seen[0]?.body).toEqual({ quotas: { addresses: 10, claims: null } });
    expect(await run("tenant update blue --quota adresses=10")).toBe(1);
    expect(screen.err).toContain("--quota adresses=10 is not NAME=LIMIT");
    expect(seen).toHaveLength(1);
  });
});

describe("exit codes", () => {
  test.for([
    ["--help", 0],
    ["network create --help", 0],
    ["network create", 2],
    ["network create web", 2],
    ["nonsense", 2],
    ["network list --nonsense", 2],
    ["network list -o xml", 2],
    ["network get nothing", 1],
  ] as const)("holdfast %s ends with %i", async ([line, code]) => {
    expect(await terminal().run(line)).toBe(code);
  });

  test("every command has an example in its help", async () => {
    const { run, screen } = terminal();
    await run("claim move --help");
    expect(screen.out).toContain("Examples:\n  holdfast claim move redis-0 --network web\n");
  });

  test("a refusal names the field", async () => {
    const body = {
      type: "",
      title: "",
      status: 400,
      detail: "host bits are set in 10.20.0.1/16; the prefix is 10.20.0.0/16",
      code: "invalid_argument",
      retryable: false,
      field: "subnets.0.prefix",
    };
    const { run, screen } = terminal({ "POST /v1/tenants/default/networks": { status: 400, body } });
    expect(await run("network create web --kind vlan --subnet 10.20.0.1/16")).toBe(1);
    expect(screen.err).toContain("holdfast: subnets.0.prefix: host bits are set in 10.20.0.1/16");
  });
});

describe("subnets on the command line", () => {
  test("carry gateway, ranges and exclusions", () => {
    expect(parseSubnet("10.20.0.0/16,gateway=none,range=10.20.1.0-10.20.1.9,exclude=10.20.1.4")).toEqual({
      prefix: "10.20.0.0/16",
      gateway: null,
      ranges: [{ first: "10.20.1.0", last: "10.20.1.9" }],
      exclusions: [{ first: "10.20.1.4", last: "10.20.1.4" }],
    });
    expect(parseSubnet("fd00:20::/64,group=db:fd00:20::10-fd00:20::1f")).toEqual({
      prefix: "fd00:20::/64",
      ranges: [],
      exclusions: [],
      groupRanges: [{ group: "db", first: "fd00:20::10", last: "fd00:20::1f" }],
    });
    expect(() => parseSubnet("10.20.0.0/16,group=db")).toThrow("write group=NAME:FIRST-LAST");
    expect(() => parseSubnet("10.20.0.0/16,gw=1")).toThrow("gw=1 is none of gateway=, range=, exclude=");
  });
});

describe("holdfast operation", () => {
  const operation = {
    id: "op-1",
    operation: "createClaim",
    tenant: "default",
    path: "/v1/tenants/default/networks/web/claims",
    state: "pending",
    actor: "operator",
    createdAt: "2026-11-20T10:05:00.000Z",
    revision: 4,
  };

  test("claim create --detach prints the operation and how to wait for it", async () => {
    const path = "POST /v1/tenants/default/networks/web/claims";
    const { run, screen, seen } = terminal({ [path]: { status: 202, body: operation } });
    expect(await run("claim create redis-0 --network web --detach")).toBe(0);
    expect(screen.out).toBe("operation op-1 accepted; its end: holdfast operation wait op-1\n");
    expect(seen).toHaveLength(1);
  });

  const bulk = "POST /v1/tenants/default/networks/web/bulk/claims";
  const progress = (done: number, refused = 0) => ({ total: 2, done, refused, skipped: 0 });
  const results = [
    { outcome: "done", claim },
    { outcome: "done", claim: { ...claim, identity: "redis-1", addresses: ["10.20.0.8"] } },
  ];
  const ended = {
    ...{ ...operation, operation: "createClaims", state: "done", finishedAt: "2026-11-20T10:05:09.000Z", revision: 9 },
    progress: progress(2),
    result: { dryRun: false, done: 2, refused: 0, skipped: 0, results },
  };

  test("claim create --async tells of each step, waits for a controller that starts anew, and prints what was made", async () => {
    const running = { ...operation, state: "running" };
    const problem = { type: "", title: "", status: 503, detail: "stopping", code: "unavailable", retryable: true };
    const { run, screen, seen } = terminal({
      [bulk]: { status: 202, body: { ...operation, progress: progress(0) } },
      "GET /v1/operations/op-1": [
        { body: { ...running, revision: 5, progress: progress(0) } },
        { body: { ...running, revision: 6, progress: progress(1) } },
        { body: { ...running, revision: 6, progress: progress(1) } },
        { status: 503, body: problem },
        { body: ended },
      ],
    });
    expect(await run("claim create redis-0 redis-1 --network web --async")).toBe(0);
    expect(screen.err).toBe(
      "operation op-1 accepted\noperation op-1: 0 of 2 done\noperation op-1: 1 of 2 done\noperation op-1: 2 of 2 done\n",
    );
    expect(screen.out).toContain("redis-1   10.20.0.8  02:64:0a:14:00:07  claimed\n");
    expect(seen.slice(1).map(({ query }) => query)).toEqual(
      [0, 5, 6, 6, 6].map((revision) => `wait=30&after=${revision}`),
    );
  });

  test("claim create --async fails as the request would have", async () => {
    const problem = { type: "", title: "", status: 409, detail: "taken", code: "address_in_use", retryable: false };
    const failed = { ...operation, state: "failed", finishedAt: "2026-11-20T10:05:09.000Z", problem };
    const path = "POST /v1/tenants/default/networks/web/claims";
    const { run, screen } = terminal({
      [path]: { status: 202, body: operation },
      "GET /v1/operations/op-1": { body: failed },
    });
    expect(await run("claim create redis-0 --network web --async")).toBe(1);
    expect(screen.err).toBe("operation op-1 accepted\nholdfast: taken\n");
  });

  test("what is interrupted says how to take it up again", async () => {
    const stop = new AbortController();
    const { io, screen } = terminal({ "GET /v1/operations/op-1": { body: operation } });
    const fetch: typeof io.fetch = (url, init) => {
      if (url.includes("after=4")) stop.abort(new Error("interrupted"));
      return stop.signal.aborted ? Promise.reject(stop.signal.reason) : io.fetch(url, init);
    };
    expect(await runCli(["operation", "wait", "op-1"], { ...io, fetch, signal: stop.signal })).toBe(1);
    expect(screen.err).toBe("operation op-1 goes on; take it up again: holdfast operation wait op-1\n");
  });

  test("results shows what has become of each, page by page, and how far that is", async () => {
    const running = { ...ended, state: "running", finishedAt: undefined, progress: { ...progress(2), total: 3 } };
    const { run, screen, seen } = terminal({
      "GET /v1/operations/op-1": { body: running },
      "GET /v1/operations/op-1/results": [
        { body: { items: results.slice(0, 1), continue: "1" } },
        { body: { items: results.slice(1), continue: "2" } },
        { body: { items: [], continue: "2" } },
      ],
    });
    expect(await run("operation results op-1")).toBe(0);
    expect(screen.out).toBe(
      "IDENTITY  ADDRESS    MAC                OUTCOME\n" +
        "redis-0   10.20.0.7  02:64:0a:14:00:07  claimed\n" +
        "redis-1   10.20.0.8  02:64:0a:14:00:07  claimed\n",
    );
    expect(screen.err).toBe("so far 2 of 3; the operation is running\n");
    expect(seen.slice(1).map(({ query }) => query)).toEqual(["continue=0", "continue=1", "continue=2"]);
  });

  test("wait ends with the operation, and fails when that has failed", async () => {
    const problem = { type: "", title: "", status: 409, detail: "taken", code: "address_in_use", retryable: false };
    const failed = { ...operation, state: "failed", finishedAt: "2026-11-20T10:05:09.000Z", problem };
    const { run, screen } = terminal({ "GET /v1/operations/op-1": { body: failed } });
    expect(await run("operation wait op-1")).toBe(1);
    expect(screen.out).toContain("problem:    address_in_use: taken\n");
    expect(screen.err).toBe("holdfast: operation op-1 is failed\n");
  });

  test("list says what to do when there is none", async () => {
    const { run, screen } = terminal({ "GET /v1/operations": { body: { items: [], revision: 1 } } });
    await run("operation list");
    expect(screen.out).toBe("no operations; make one: holdfast claim create redis-0 --network web --async\n");
  });
});

describe("holdfast subnet", () => {
  const path = "/v1/tenants/default/networks/web/subnets";

  test("delete --drain closes the subnet and says what happens to it", async () => {
    const { run, seen, screen } = terminal({ [`POST ${path}/10.20.0.0%2F16/drain`]: { body: network } });
    expect(await run("subnet delete 10.20.0.0/16 --network web --drain")).toBe(0);
    expect(seen[0]?.body).toEqual({ removeWhenEmpty: true });
    expect(screen.out).toBe(
      "subnet 10.20.0.0/16 of default/web gives no new addresses; it is removed when the last one is released\n",
    );
  });

  test("list says which are being drained", async () => {
    const draining = { since: "2026-11-20T10:00:00.000Z", removeWhenEmpty: true };
    const usage = {
      prefix: "10.20.0.0/16",
      capacity: "9",
      used: "2",
      held: "1",
      cooling: "0",
      quarantined: "0",
      setAside: "0",
      free: "0",
    };
    const items = [{ subnet: { ...network.subnets[0], draining }, usage }];
    const { run, screen } = terminal({ [`GET ${path}`]: { body: { items } } });
    await run("subnet list --network web");
    expect(screen.out).toMatchInlineSnapshot(`
      "PREFIX        GATEWAY    RANGES  STATE                   GROUPS  CAPACITY  USED  HELD  COOLING  QUARANTINED  SET ASIDE  FREE
      10.20.0.0/16  10.20.0.1  -       draining, then removed  -       9         2     1     0        0            0          0
      "
    `);
  });
});

describe("shell completion", () => {
  test("knows commands, options and names from the controller", async () => {
    const answers = { "GET /v1/networks": { body: { items: [network], revision: 9 } } };
    const complete = async (...words: string[]) => {
      const { io, screen } = terminal(answers);
      await runCli(["__complete", ...words], io);
      return screen.out.trim().split("\n");
    };
    expect(await complete("net")).toEqual(["network"]);
    expect(await complete("network", "")).toContain("create");
    expect(await complete("claim", "create", "--net")).toEqual(["--network"]);
    expect(await complete("claim", "create", "redis-0", "--network", "")).toEqual(["web"]);
    expect(await complete("network", "get", "w")).toEqual(["web"]);
    expect(await complete("subnet", "set-group", "")).toEqual(["10.20.0.0/16"]);
    expect(await complete("claim", "create", "a", "--retention", "")).toEqual(["ephemeral", "reserved", "sticky:"]);
    expect(await complete("operation", "list", "--state", "p")).toEqual(["pending"]);
    expect(await complete("ledger", "list", "--event", "tr")).toEqual(["transferred"]);
    expect(await complete("claim", "list", "-o", "y")).toEqual(["yaml"]);
  });

  test.for(["bash", "zsh", "fish"])("%s gets its code", async (shell) => {
    const { run, screen } = terminal();
    expect(await run(`completion ${shell}`)).toBe(0);
    expect(screen.out).toContain("holdfast __complete");
  });
});
