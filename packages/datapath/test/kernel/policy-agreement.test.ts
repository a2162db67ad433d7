import { Cidr, IpAddress } from "@holdfast/core";
import { decide, type Program, type ProgramRule, type Service } from "@holdfast/policy";
import { createChance } from "@holdfast/policy/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DatapathDriver, EndpointWiring } from "../../src/index.ts";
import { network, routed, wiring } from "../../src/testing/parties.ts";
import type { Attempt } from "../../src/testing/policy-compliance.ts";
import { from, having, NO_CHANGE, prefixSet, program, REALM_SETS, rule } from "../../src/testing/policy-parties.ts";
import { SandboxParty } from "../policy-party.ts";
import { Machine } from "./machine.ts";

/** Programs by chance; more of them, or others, by these. */
const ROUNDS = Number(process.env.HOLDFAST_ROUNDS ?? 6);
const SEED = Number(process.env.HOLDFAST_SEED ?? 1);
const ATTEMPTS = 60;
const PORTS = [7080, 7081, 7082, 7083, 7090, 7091];

const signal = AbortSignal.timeout(20_000 + 5000 * ROUNDS);
const undo = new AsyncDisposableStack();
const parties = new Map<string, SandboxParty>();
const endpoints: readonly EndpointWiring[] = ["5", "6", "37"].map((last) =>
  wiring(`e${last}`, "n7", [`10.20.0.${last}`, `fd00:20::${last}`]),
);
const first = program("default/first", {});
let driver: DatapathDriver;

beforeAll(async () => {
  const machine = undo.use(await Machine.start());
  driver = await machine.open();
  undo.defer(() => driver.close());
  driver.setNetwork(routed(network("n7", "vlan", 100)));
  await driver.policy?.applyPolicy({ ...NO_CHANGE, sets: REALM_SETS, programs: [first] }, signal);
  for (const endpoint of endpoints) {
    const port = await driver.attach({ ...endpoint, policy: { program: first.id } }, signal);
    const { path } = await machine.plug(port, endpoint.addresses);
    parties.set(endpoint.id, undo.use(await SandboxParty.start(path, 300)));
  }
  await driver.synced(signal);
});
afterAll(() => undo.disposeAsync());

test(`packets meet what their programs decide (HOLDFAST_SEED=${SEED} HOLDFAST_ROUNDS=${ROUNDS})`, {
  timeout: 20_000 + 5000 * ROUNDS,
}, async () => {
  for (let round = 0; round < ROUNDS; round++) await runRound(SEED * 1000 + round);
});

async function runRound(seed: number): Promise<void> {
  const chance = createChance(seed);
  const ids = ["group/a/v4", "group/b/v4", "group/a/v6", "group/b/v6"];
  const members = (id: string): string[] => {
    const own = endpoints.map(({ addresses }) => addresses[id.endsWith("v4") ? 0 : 1]);
    return chance.some(own, 3).map((address) => `${address}/${id.endsWith("v4") ? 32 : 128}`);
  };
  const sets = ids.map((id) => prefixSet(id, members(id)));
  const remotes = [
    ...ids,
    "10.20.0.0/27",
    "10.20.0.0/28",
    "10.20.0.6/32",
    "10.20.0.32/27",
    "fd00:20::/64",
    "fd00:20::6/128",
  ];
  const range = () => {
    const port = chance.pick(PORTS);
    return { first: port, last: port + (chance.oneIn(2) ? 0 : chance.number(12)) };
  };
  const service = (): Service => {
    const protocol = chance.pick([6, 6, 6, 17, 17, 1, 58]);
    if (protocol === 1) return { protocol, icmp: { type: 8, ...(chance.oneIn(2) ? {} : { code: chance.number(2) }) } };
    if (protocol === 58) return { protocol, icmp: { type: 128 } };
    return {
      protocol,
      ...(chance.oneIn(4) ? {} : { destinationPorts: [range()] }),
      ...(chance.oneIn(6) ? { sourcePorts: [{ first: 20_000, last: 30_000 }] } : {}),
    };
  };
  const rules = (name: string, passes: boolean): ProgramRule[] =>
    Array.from({ length: chance.number(9) }, (_, index) => {
      const verdicts = ["allow", "deny", ...(passes ? ["pass" as const] : [])] as const;
      // Prefixes of one rule do not contain each other.
      const chosen = [...chance.some(ids, 2), ...(chance.oneIn(2) ? [chance.pick(remotes.slice(4))] : [])];
      return rule(`rule/${name}/${index}`, chance.pick(verdicts), {
        ...(chance.oneIn(3) || chosen.length === 0 ? {} : { remote: from(...chosen) }),
        ...(chance.oneIn(5) ? {} : { services: [service()] }),
      });
    });
  const lists = (name: string) => ({
    main: [rules(`${name}/1`, true), rules(`${name}/2`, true), rules(`${name}/3`, false)],
    end: chance.oneIn(3) ? ("deny" as const) : ("allow" as const),
  });
  const programs = endpoints.map(({ id }) =>
    program(`default/${id}`, { ingress: lists(`${id}/in`), egress: lists(`${id}/out`) }),
  );
  const change = { ...NO_CHANGE, sets, programs, endpoints: endpoints.map(({ id }) => having(id, `default/${id}`)) };
  await driver.policy?.applyPolicy(change, signal);

  const contains = (set: string, address: IpAddress) =>
    [...REALM_SETS, ...sets].some(
      ({ id, members }) => id === set && members.some((each) => Cidr.contains(each, address)),
    );
  const expects = (source: number, target: number, attempt: Attempt): string => {
    const remote = IpAddress.parse(attempt.to);
    const own = endpoints[source]?.addresses[attempt.to.includes(":") ? 1 : 0] ?? remote;
    const rest = packetOf(attempt);
    const egress = decide(programs[source] as Program, { direction: "egress", remote, ...rest }, contains);
    const ingress = decide(programs[target] as Program, { direction: "ingress", remote: own, ...rest }, contains);
    return egress.verdict === "allow" && ingress.verdict === "allow" ? "passes" : "is denied";
  };
  const tried = Array.from({ length: ATTEMPTS }, async (_, index) => {
    const source = chance.number(endpoints.length);
    const target = (source + 1 + chance.number(endpoints.length - 1)) % endpoints.length;
    const protocol = index % 10 === 0 ? "icmp" : chance.pick(["tcp", "udp"] as const);
    const attempt: Attempt = {
      protocol,
      to: endpoints[target]?.addresses[chance.number(2)] ?? "",
      ...(protocol === "icmp"
        ? {}
        : { port: chance.pick(PORTS), sourcePort: 19_980 + index + (chance.oneIn(2) ? 100 : 0) }),
    };
    const expected = expects(source, target, attempt);
    const reached = await parties.get(endpoints[source]?.id ?? "")?.reaches(attempt);
    const text = (outcome: string) => `seed ${seed}: ${source} to ${target} ${JSON.stringify(attempt)} ${outcome}`;
    return { got: text(reached ? "passes" : "is denied"), expected: text(expected) };
  });
  const outcomes = await Promise.all(tried);
  expect(outcomes.map(({ got }) => got)).toEqual(outcomes.map(({ expected }) => expected));
}

function packetOf({ protocol, to, port = 0, sourcePort = 0 }: Attempt) {
  if (protocol === "icmp")
    return to.includes(":")
      ? { protocol: 58, icmp: { type: 128, code: 0 } }
      : { protocol: 1, icmp: { type: 8, code: 0 } };
  return { protocol: protocol === "tcp" ? 6 : 17, destinationPort: port, sourcePort };
}
