import { Identity, IpAddress, Name } from "@holdfast/core";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import type { Claim, EndpointReport, NewClaim, NewNetwork, Phase, ReservationRequest } from "@holdfast/model";
import { newClaimSchema, newNetworkSchema, reservationRequestSchema } from "@holdfast/model";
import { openMemoryStore, type Store } from "@holdfast/store";
import { createEngine, type Engine, type EngineOptions } from "../engine.ts";

export const TENANT = Name.parse("default");
export const OPERATOR = { actor: "operator" } as const;

export const ENGINE_OPTIONS: EngineOptions = {
  vlanRange: { first: 100, last: 199 },
  vxlanRange: { first: 10_000, last: 10_099 },
  nodeTimeout: 60_000,
  reservationTimeout: 300_000,
  beat: 5000,
  ledgerRetention: 400 * 24 * 3_600_000,
  ledgerEntries: 10_000_000,
};

/** An engine on a memory store and a clock that the test moves, with short ways to say what tests say often. */
export interface EngineHarness extends AsyncDisposable {
  readonly engine: Engine;
  readonly store: Store;
  readonly clock: ManualClock;
  readonly logger: RecordingLogger;
  network(name: string, body?: Partial<Input<NewNetwork>>): ReturnType<Engine["nouns"]["networks"]["create"]>;
  claim(network: string, identity: string, body?: Partial<Input<NewClaim>>): Promise<Claim>;
  getClaim(network: string, identity: string): Claim;
  node(name: string, tunnelAddress?: string): Promise<void>;
  reserve(node: string, body: Input<ReservationRequest>): ReturnType<Engine["nouns"]["reservations"]["reserve"]>;
  /** Reports phases at the present moment. */
  report(node: string, endpoint: string, epoch: number, phases: readonly Phase[]): Promise<string>;
  reports(node: string, reports: readonly EndpointReport[]): ReturnType<Engine["nouns"]["reports"]["report"]>;
  /** Moves the clock and lets jobs do what has become due. */
  advance(milliseconds: number): Promise<void>;
}

/** What a request says, in plain text. */
type Input<T> = { [K in keyof T]?: unknown };

export async function startEngine(
  parts: { store?: Store; clock?: ManualClock; options?: Partial<EngineOptions> } = {},
): Promise<EngineHarness> {
  const { clock = new ManualClock() } = parts;
  const store = parts.store ?? openMemoryStore({ clock });
  const logger = new RecordingLogger();
  const engine = createEngine({ store, clock, logger }, { ...ENGINE_OPTIONS, ...parts.options });
  await engine.start();
  const { nouns } = engine;
  const reports: EngineHarness["reports"] = (node, list) => nouns.reports.report(Name.parse(node), list);
  return {
    engine,
    store,
    clock,
    logger,
    network: (name, body = {}) => {
      const parsed = newNetworkSchema.parse({ name, kind: "vlan", subnets: [{ prefix: "10.20.0.0/24" }], ...body });
      return nouns.networks.create(TENANT, parsed, OPERATOR);
    },
    claim: (network, identity, body = {}) =>
      nouns.claims.create(TENANT, Name.parse(network), newClaimSchema.parse({ identity, ...body }), OPERATOR),
    getClaim: (network, identity) => nouns.claims.get(claimName(network, identity)),
    node: async (name, tunnelAddress) => {
      const tunnel = tunnelAddress === undefined ? {} : { tunnelAddress: IpAddress.parse(tunnelAddress) };
      await nouns.nodes.report(Name.parse(name), { version: "1.0", labels: {}, ...tunnel });
    },
    reserve: (node, body) => {
      const workload = { runtime: "docker" };
      const parsed = reservationRequestSchema.parse({ tenant: "default", workload, ...body });
      return nouns.reservations.reserve(Name.parse(node), parsed);
    },
    reports,
    report: async (node, endpoint, epoch, phases) => {
      const at = clock.now().toISOString();
      const transitions = phases.map((phase) => ({ phase, at, actor: `node/${node}` }));
      const [result] = await reports(node, [{ endpoint, epoch, transitions }]);
      return result?.outcome ?? "no answer";
    },
    advance: async (milliseconds) => {
      clock.advance(milliseconds);
      await settled(engine);
    },
    [Symbol.asyncDispose]: () => engine.stop(),
  };
}

export function claimName(network: string, identity: string) {
  return { tenant: TENANT, network: Name.parse(network), identity: Identity.parse(identity) };
}

/** Lets jobs that were woken run until the store is quiet. */
export async function settled(engine: Engine): Promise<void> {
  let before = -1;
  for (let quiet = 0; quiet < 3; ) {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    const now = await engine.platform.store.revision();
    quiet = now === before ? quiet + 1 : 0;
    before = now;
  }
}

/** The whole store as text, to compare: nothing may have changed. */
export async function dump(store: Store): Promise<string> {
  const { entries } = await store.list("");
  return entries.map(({ key, value, revision }) => `${key} @${revision} ${value}`).join("\n");
}
