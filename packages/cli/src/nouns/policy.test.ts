import { describe, expect, test } from "vitest";
import { terminal } from "../testing/terminal.ts";
import { parsePeer, parseSelector, parseService, peerText, selectorText, serviceText } from "./policy-words.ts";

const policy = {
  tenant: "default",
  name: "db",
  tier: "tenant",
  order: 1000,
  subject: { groups: ["db"] },
  isolates: ["ingress"],
  ingress: [
    {
      id: "web",
      action: "allow",
      peers: [{ kind: "group", group: "web" }],
      services: [{ protocol: "tcp", ports: [5432] }],
    },
    { id: "ops", action: "allow", peers: [{ kind: "cidr", cidr: "192.0.2.0/24" }] },
  ],
  egress: [],
  mode: "enforced",
  labels: {},
  createdAt: "2026-11-20T10:00:00.000Z",
  revision: 7,
};
const POLICY = "/v1/tenants/default/policies";

describe("holdfast policy", () => {
  test("shows rules in order", async () => {
    const { run, screen } = terminal({ [`GET ${POLICY}/db`]: { body: policy } });
    expect(await run("policy get db")).toBe(0);
    expect(screen.out).toBe(
      "name:      db\n" +
        "tenant:    default\n" +
        "mode:      enforced\n" +
        "tier:      tenant, order 1000\n" +
        "subject:   group=db\n" +
        "isolates:  ingress\n" +
        "labels:    -\n" +
        "age:       5m12s\n" +
        "\n" +
        "INGRESS  ACTION  PEERS AND SERVICES\n" +
        "web      allow   group=web, tcp:5432\n" +
        "ops      allow   cidr=192.0.2.0/24, anything\n",
    );
  });

  test("shows what rules have counted, or would have", async () => {
    const row = { direction: "ingress", packets: 3, bytes: 180 };
    const counted = {
      tenant: "default",
      policy: "db",
      mode: "staged",
      since: "2026-11-20T10:00:00.000Z",
      rules: [
        { ...row, rule: "web", action: "allow" },
        { ...row, action: "deny", packets: 12, bytes: 720 },
      ],
    };
    const { run, screen } = terminal({ [`GET ${POLICY}/db/counters`]: { body: counted } });
    expect(await run("policy counters db")).toBe(0);
    expect(screen.out).toBe(
      "policy default/db, staged, counted for 5m12s\n" +
        "\n" +
        "DIRECTION  RULE                      ACTION       PACKETS  BYTES\n" +
        "ingress    web                       would allow  3        180\n" +
        "ingress    (nothing else: isolates)  would deny   12       720\n",
    );
  });

  test("shows what guards have dropped", async () => {
    const since = "2026-11-20T10:00:00.000Z";
    const guards = [{ node: "h1", guard: "arp", packets: 3, bytes: 126 }];
    const { run, screen } = terminal({ "GET /v1/policy/guards": { body: { since, guards } } });
    expect(await run("policy counters")).toBe(0);
    expect(screen.out).toBe("NODE  GUARD  PACKETS  BYTES\nh1    arp    3        126\n");
    const none = terminal({ "GET /v1/policy/guards": { body: { since, guards: [] } } });
    expect(await none.run("policy counters")).toBe(0);
    expect(none.screen.out).toBe("no guard has dropped anything\n");
  });

  test("sets a rule in words", async () => {
    const { run, seen } = terminal({ [`PUT ${POLICY}/db/ingress/web`]: { body: policy } });
    const line =
      "policy set-rule db ingress web --action deny --peer group=billing/web cidr=10.0.0.0/8 --service tcp:443,8000-8999 icmp:8/0";
    expect(await run(line)).toBe(0);
    expect(seen[0]?.body).toEqual({
      rule: {
        id: "web",
        action: "deny",
        peers: [
          { kind: "group", tenant: "billing", group: "web" },
          { kind: "cidr", cidr: "10.0.0.0/8" },
        ],
        services: [
          { protocol: "tcp", ports: [443, "8000-8999"] },
          { protocol: "icmp", type: 8, code: 0 },
        ],
      },
    });
    const wrong = terminal();
    expect(await wrong.run("policy set-rule db ingress web --action deny --peer who")).toBe(1);
    expect(wrong.screen.err).toContain("--peer who: write one of group=web");
  });

  test("stages a file in the place of what is enforced, and says what would change", async () => {
    const file = `
apiVersion: holdfast/v1
kind: Policy
metadata: { name: db }
spec:
  subject: { groups: [db] }
  isolates: [ingress]
  ingress:
    - { id: ops, action: allow, peers: [{ kind: cidr, cidr: 192.0.2.0/24 }] }
    - { id: web, action: allow, peers: [{ kind: group, group: web }], services: [{ protocol: tcp, ports: [5433] }] }
    - { id: new, action: deny }
`;
    const staged = { ...policy, name: "db-staged", mode: "staged", replaces: "db" };
    const stage = terminal(
      { [`GET ${POLICY}/db`]: { body: policy }, [`POST ${POLICY}`]: { status: 201, body: staged } },
      { f: file },
    );
    expect(await stage.run("policy stage -f f")).toBe(0);
    expect(stage.screen.out).toContain("policy default/db-staged staged in the place of db");
    expect(stage.seen.at(-1)?.body).toMatchObject({ name: "db-staged", mode: "staged", replaces: "db" });
    const [web, ops] = policy.ingress;
    const ingress = [ops, { ...web, services: [{ protocol: "tcp", ports: [5433] }] }, { id: "new", action: "deny" }];
    const diff = terminal({
      [`GET ${POLICY}/db`]: { body: policy },
      [`GET ${POLICY}/db-staged`]: { body: { ...staged, ingress } },
    });
    expect(await diff.run("policy diff db")).toBe(0);
    expect(diff.screen.out).toBe(
      "CHANGE   WHAT         NOW                         THEN\n" +
        "moves    ingress ops  place 2                     place 1\n" +
        "changes  ingress web  allow: group=web, tcp:5432  allow: group=web, tcp:5433\n" +
        "comes    ingress new  -                           deny: anybody, anything\n",
    );
  });

  test("enforces what is staged, by either name", async () => {
    const staged = { ...policy, name: "db-staged", mode: "staged", replaces: "db" };
    const { run, screen } = terminal({
      [`GET ${POLICY}/db`]: { body: policy },
      [`GET ${POLICY}/db-staged`]: { body: staged },
      [`POST ${POLICY}/db-staged/enforce`]: { body: policy },
    });
    expect(await run("policy enforce db")).toBe(0);
    expect(screen.out).toBe("policy default/db is enforced\n");
    const none = terminal({ [`GET ${POLICY}/db`]: { body: policy } });
    expect(await none.run("policy enforce db")).toBe(1);
    expect(none.screen.err).toContain("nothing is staged in the place of policy default/db");
  });

  test("explains a verdict, and why other rules do not decide", async () => {
    const steps = [
      { tier: "tenant", policy: "db", rule: "ops", action: "allow", mismatch: "peers" },
      { tier: "tenant", policy: "db", rule: "web", action: "allow" },
    ];
    const body = {
      from: { address: "10.20.0.2", claim: { tenant: "default", network: "net", identity: "web-0" } },
      to: { address: "10.20.0.3", claim: { tenant: "default", network: "net", identity: "db-0" } },
      verdict: "allow",
      egress: { verdict: "allow", rule: "default/default/egress", steps: [] },
      ingress: { verdict: "allow", rule: "rule/default/db/ingress/web", steps },
    };
    const { run, seen, screen } = terminal({ "POST /v1/policy/explain": { body } });
    expect(await run("policy explain --from web-0 --to 10.20.0.3 --port 5432")).toBe(0);
    expect(seen[0]?.body).toMatchObject({
      from: { tenant: "default", identity: "web-0" },
      to: { address: "10.20.0.3" },
      protocol: "tcp",
      port: 5432,
    });
    expect(screen.out).toBe(
      "allowed: default/web-0 (10.20.0.2) to default/db-0 (10.20.0.3)\n" +
        "\n" +
        "egress of the one that begins: allowed by the default of tenant default\n" +
        "\n" +
        "ingress of the other: allowed by rule web of policy default/db\n" +
        "  TIER    POLICY  RULE  ACTION  MATCHES\n" +
        "  tenant  db      ops   allow   no: the other end is none of its peers\n" +
        "  tenant  db      web   allow   yes\n",
    );
  });
});

describe("policy words", () => {
  test.each(["app=web", "app=web,env!=test|dev,tier=a|b,owner,!old"])(
    "a selector %s is read and written the same",
    (text) => {
      expect(selectorText(parseSelector(text))).toBe(text);
    },
  );

  test.each([
    "group=web",
    "group=billing/db",
    "selector=app=web",
    "tenant",
    "tenant=blue",
    "network=n",
    "cidr=10.0.0.0/8",
    "set=s",
  ])("a peer %s is read and written the same", (text) => {
    expect(peerText(parsePeer(text) as never)).toBe(text);
  });

  test.each(["tcp", "tcp:443,8000-8999", "icmp:8/0", "icmpv6:128", "47"])(
    "a service %s is read and written the same",
    (text) => {
      expect(serviceText(parseService(text) as never)).toBe(text);
    },
  );

  test("what is no selector is refused", () => {
    expect(() => parseSelector("app==x,")).toThrow("write conditions like");
    expect(() => parseSelector("")).toThrow('selector "": write conditions like');
    expect(() => parseSelector("app=web,app=db")).toThrow("app cannot have two values");
  });

  test("a selector as kubectl writes it means the same", () => {
    expect(parseSelector("app==web")).toEqual(parseSelector("app=web"));
  });

  // Each of these once became another service than what was written, or one of any port.
  test.each([
    "tcp:80,443:1000",
    "icmp:/0",
    "icmp:8/",
    "icmp:8/0/1",
    "tcp:80,",
    "tcp:",
    "tcp:80-",
    "47:80",
    "foo",
    "-1",
  ])("%s is no service", (text) => {
    expect(() => parseService(text)).toThrow(`--service ${text}: write tcp:443`);
  });
});

describe("holdfast group and address-set", () => {
  test("make what they are told", async () => {
    const group = {
      tenant: "default",
      name: "web",
      sharedWith: [],
      labels: {},
      createdAt: policy.createdAt,
      revision: 1,
    };
    const groups = terminal({ "POST /v1/tenants/default/groups": { status: 201, body: group } });
    expect(await groups.run("group create web --selector app=web --identity a b --share-with blue")).toBe(0);
    expect(groups.seen[0]?.body).toMatchObject({
      name: "web",
      selector: { matchLabels: { app: "web" } },
      identities: ["a", "b"],
      sharedWith: ["blue"],
    });
    const set = { tenant: "default", name: "s", size: 3, labels: {}, createdAt: policy.createdAt, revision: 1 };
    const sets = terminal(
      { "POST /v1/tenants/default/address-sets": { status: 201, body: set } },
      { list: "192.0.2.0/24 # partner\n\n198.51.100.7\n" },
    );
    expect(await sets.run("address-set create s fd00::1 -f list")).toBe(0);
    expect(sets.seen[0]?.body).toMatchObject({ entries: ["fd00::1/128", "192.0.2.0/24", "198.51.100.7/32"] });
    expect(sets.screen.out).toBe("address set default/s created with 3 entries\n");
  });
});
