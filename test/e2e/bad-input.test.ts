import { request } from "node:http";
import { text } from "node:stream/consumers";
import { type Relay, startRelay } from "@holdfast/lab";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Book, readBook } from "./book.ts";
import { readMachine } from "./machine.ts";
import { HOLDFAST, Stage } from "./stage.ts";

const PORT = 4653;
const NETWORKS = "/v1/tenants/default/networks";
const CLAIMS = `${NETWORKS}/web/claims`;
const NETWORK = { name: "second", kind: "vlan", segment: 200, subnets: [{ prefix: "10.30.0.0/16" }] };

let stage: Stage;
let relay: Relay;
let before: unknown;

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  stage = await Stage.create({ title: "input", vlans: { 100: ["10.20.0.1/16"] } }, signal);
  relay = await startRelay(stage.h1, { address: stage.lab.controlAddress, port: PORT }, signal);
  await stage.network("web", "--kind vlan --vlan 100 --subnet 10.20.0.0/16", signal);
  const { address } = await stage.claim("redis-0", "web", signal);
  await stage.run(stage.h1, "redis-0", { network: "web", address }, signal);
  await stage.bookHas(({ endpoints }) => endpoints.find(({ workload }) => workload.container === "redis-0"), signal);
});

afterAll(async () => {
  await relay?.[Symbol.asyncDispose]();
  await stage?.[Symbol.asyncDispose]();
});

/** Everything that bad input might have changed: every list, and what docker and the switch hold. */
async function dump(): Promise<unknown> {
  const signal = AbortSignal.timeout(10_000);
  const content: Book = await readBook(stage.platform.client, signal);
  const nodes = content.nodes.map((node) => ({ ...node, lastSeen: undefined }));
  const networks = await stage.h1.docker(["network", "ls", "--format", "{{.ID}} {{.Name}}"], { signal });
  const { endpoints } = await readMachine(stage.h1, signal);
  return { ...content, nodes, networksOfDocker: networks, links: [...endpoints] };
}

beforeEach(async () => {
  before = await dump();
});

afterEach(async () => {
  expect(await dump()).toEqual(before);
});

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: { code?: string; field?: string; detail?: string; retryable?: boolean };
}

/** A request as it is written, without what a client would do to its path or body. */
async function send(method: string, path: string, body?: string | object): Promise<Answer> {
  const content = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${stage.platform.token}`,
    ...(content === undefined
      ? {}
      : { "content-type": "application/json", "content-length": Buffer.byteLength(content) }),
  };
  const call = request({ socketPath: relay.socketPath, method, path, headers, agent: false, timeout: 10_000 });
  return await new Promise<Answer>((resolve, reject) => {
    call.once("response", (response) => {
      const { statusCode: status = 0, headers: answered } = response;
      const type = answered["content-type"] ?? "";
      text(response).then((said) => resolve({ status, type, body: JSON.parse(said) as Answer["body"] }), reject);
    });
    call.once("error", reject);
    call.end(content);
  });
}

describe("over REST, bad input is refused with the field at fault, and changes nothing:", () => {
  const subnet = (prefix: string) => ({ ...NETWORK, subnets: [{ prefix }] });
  const cases: readonly {
    name: string;
    method?: string;
    path: string;
    body?: string | object;
    status: number;
    code: string;
    field?: string;
    says: RegExp;
  }[] = [
    {
      name: "a CIDR with host bits",
      path: NETWORKS,
      body: subnet("10.30.0.1/16"),
      status: 400,
      code: "invalid_argument",
      field: "subnets.0.prefix",
      says: /10\.30\.0\.0\/16/,
    },
    {
      name: "subnets that overlap within the request",
      path: NETWORKS,
      body: { ...NETWORK, subnets: [{ prefix: "10.30.0.0/16" }, { prefix: "10.30.4.0/24" }] },
      status: 409,
      code: "conflict",
      field: "subnets.1.prefix",
      says: /overlap/,
    },
    {
      name: "a subnet that overlaps the network's own",
      path: `${NETWORKS}/web/subnets`,
      body: { prefix: "10.20.4.0/24" },
      status: 409,
      code: "conflict",
      field: "prefix",
      says: /10\.20\.0\.0\/16/,
    },
    {
      name: "VLAN 4095",
      path: NETWORKS,
      body: { ...NETWORK, segment: 4095 },
      status: 400,
      code: "invalid_argument",
      field: "segment",
      says: /4094/,
    },
    {
      name: "a VLAN that is taken",
      path: NETWORKS,
      body: { ...NETWORK, segment: 100 },
      status: 409,
      code: "conflict",
      field: "segment",
      says: /web/,
    },
    {
      name: "an unknown network",
      path: `${NETWORKS}/nope/claims`,
      body: { identity: "a" },
      status: 404,
      code: "not_found",
      says: /nope/,
    },
    {
      name: "broken JSON",
      path: CLAIMS,
      body: '{"identity":',
      status: 400,
      code: "invalid_argument",
      field: "body",
      says: /JSON/,
    },
    {
      name: "a body of 10 MB",
      path: CLAIMS,
      body: JSON.stringify({ identity: "a", labels: { a: "x".repeat(10_000_000) } }),
      status: 413,
      code: "too_large",
      says: /\d/,
    },
    {
      name: "a name with ../ in the body",
      path: NETWORKS,
      body: { ...NETWORK, name: "../second" },
      status: 400,
      code: "invalid_argument",
      field: "name",
      says: /\.\.\/second/,
    },
    {
      name: "an identity with ../",
      path: CLAIMS,
      body: { identity: "../../etc/passwd" },
      status: 400,
      code: "invalid_argument",
      field: "identity",
      says: /passwd/,
    },
    {
      name: "a name with ../ in the path",
      method: "DELETE",
      path: "/v1/tenants/default/networks/..%2Fweb",
      status: 400,
      code: "invalid_argument",
      field: "network",
      says: /\.\.\/web/,
    },
    {
      name: "a path that climbs",
      method: "DELETE",
      path: "/v1/tenants/default/networks/x/../web",
      status: 404,
      code: "not_found",
      says: /./,
    },
    {
      name: "an address outside",
      path: CLAIMS,
      body: { identity: "a", addresses: ["10.99.0.1"] },
      status: 422,
      code: "address_out_of_range",
      says: /10\.99\.0\.1.*10\.20\.0\.0\/16/,
    },
  ];

  test.each(cases)("$name", async ({ method = "POST", path, body, status, code, field, says }) => {
    const answer = await send(method, path, body);
    expect(answer).toMatchObject({
      status,
      type: expect.stringMatching(/^application\/problem\+json/),
      body: { code },
    });
    expect(answer.body.field).toBe(field);
    expect(answer.body.detail).toMatch(says);
    expect(answer.body.retryable).toBe(false);
  });
});

describe("on the command line, bad input is refused with the field at fault, and changes nothing:", () => {
  test.each([
    [
      "a CIDR with host bits",
      "network create second --kind vlan --vlan 200 --subnet 10.30.0.1/16",
      /subnets\.0\.prefix.*10\.30\.0\.0\/16/,
    ],
    ["an overlapping subnet", "subnet create 10.20.4.0/24 --network web", /prefix.*overlaps.*10\.20\.0\.0\/16/],
    ["VLAN 4095", "network create second --kind vlan --vlan 4095 --subnet 10.30.0.0/16", /segment.*4094/],
    ["a VLAN that is no number", "network create second --kind vlan --vlan abc --subnet 10.30.0.0/16", /vlan|segment/],
    ["an unknown network", "claim create a --network nope", /network nope in tenant default/],
    ["an unknown tenant", "network create second --tenant nope --kind vlan", /tenant nope/],
    ["a name with ../", "network create ../second --kind vlan --vlan 200", /name.*\.\.\/second/],
    ["an identity with ../", "claim create ../../etc --network web", /identity.*\.\.\/\.\.\/etc/],
    ["a retention that is none", "claim create a --network web --retention forever", /retention forever/],
    ["a claim that is bound", "claim delete redis-0 --network web", /redis-0 .* is bound on node h1/],
    ["a network in use", "network delete web", /web/],
  ])("%s", async (_, line, says) => {
    const { code, stdout, stderr } = await stage.tryHoldfast(line.split(" "), AbortSignal.timeout(20_000));
    expect(code).toBeGreaterThan(0);
    expect(stdout).toBe("");
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test("broken YAML, and one bad document of several", async ({ signal }) => {
    const env = { HOLDFAST_SERVER: stage.platform.server, HOLDFAST_TOKEN: stage.platform.token };
    const apply = async (input: string) =>
      await stage.lab.control.tryExec([HOLDFAST, "apply", "-f", "-"], { signal, env, input });
    const broken = await apply("kind: Network\nname: [");
    expect([broken.code > 0, broken.stderr]).toEqual([true, expect.stringMatching(/line \d|YAML/i)]);
    const unknown = await apply("kind: Netwerk\nname: second\n");
    expect([unknown.code > 0, unknown.stderr]).toEqual([true, expect.stringMatching(/document 1: kind: /)]);
    const second = await apply(`apiVersion: holdfast/v1
kind: Tenant
metadata: { name: green }
---
apiVersion: holdfast/v1
kind: Network
metadata: { name: ../web }
spec: { kind: vlan, segment: 200 }
`);
    expect([second.code > 0, second.stderr]).toEqual([true, expect.stringMatching(/document 2: .*name/)]);
  });
});
