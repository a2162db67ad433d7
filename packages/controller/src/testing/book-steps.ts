import fc from "fast-check";
import type { BulkAction } from "./book-bulk.ts";
import { FREE_V4, FREE_V6, GATEWAY, NODES, OUTSIDE, type Retention } from "./book-facts.ts";
import type { Wish } from "./book-model.ts";

/** What somebody does to the address book. */
export type Action =
  | {
      readonly kind: "claim";
      readonly identity: string;
      readonly addresses?: string[] | undefined;
      readonly retention: Retention;
    }
  | { readonly kind: "release"; readonly identity: string }
  | BulkAction
  | { readonly kind: "keep"; readonly identity: string; readonly retention: Retention }
  | { readonly kind: "move"; readonly identity: string; readonly node?: string | undefined; readonly force: boolean }
  | { readonly kind: "reserve"; readonly node: string; readonly endpoint: string; readonly wish: Wish }
  /** `node` absent: the endpoint's own; `behind`: so many epochs ago. */
  | {
      readonly kind: "report";
      readonly endpoint: string;
      readonly phases: readonly string[];
      readonly node?: string | undefined;
      readonly behind: number;
    }
  | { readonly kind: "cutOff"; readonly endpoint: string }
  | { readonly kind: "beat"; readonly node: string };

export type Step =
  | { readonly kind: "act"; readonly action: Action }
  | { readonly kind: "wait"; readonly milliseconds: number }
  | { readonly kind: "restart" }
  /** The book is compared with what the nodes have: everything but these endpoints. Twice, and what is proven is repaired. */
  | { readonly kind: "collect"; readonly missing: readonly string[] }
  /** The book is compared with itself, and what is proven to be wrong with it repaired: nothing. */
  | { readonly kind: "verify" }
  /** The controller ends at the commit of this action: before it, or when it is durable and nobody was told. */
  | { readonly kind: "crash"; readonly action: Action; readonly committed: boolean };

const identity = fc.constantFrom("a", "b", "c", "prod/d", "e");
const node = fc.constantFrom(...NODES);
const endpoint = fc.constantFrom("e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8");
/** A few, so that they meet. */
const address = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...FREE_V4.slice(0, 4)) },
  { weight: 3, arbitrary: fc.constantFrom(...FREE_V6.slice(0, 2)) },
  { weight: 1, arbitrary: fc.constantFrom(GATEWAY, OUTSIDE) },
);
const addresses = fc.oneof(
  address.map((one) => [one]),
  fc
    .tuple(fc.constantFrom(...FREE_V4.slice(0, 4)), fc.constantFrom(...FREE_V6.slice(0, 2)))
    .map(([v4, v6]) => [v4, v6]),
);
const retention: fc.Arbitrary<Retention> = fc.oneof(
  fc.constant({ kind: "reserved" as const }),
  fc.constant({ kind: "ephemeral" as const }),
  fc.record({ kind: fc.constant("sticky" as const), ttlSeconds: fc.constantFrom(30, 200) }),
);
const hint = fc.constantFrom(true, false);
const wish: fc.Arbitrary<Wish> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ identity }) },
  { weight: 2, arbitrary: fc.record({ identity, identityIsHint: hint, retention }) },
  { weight: 1, arbitrary: fc.record({ identity, identityIsHint: hint, retention, address }) },
  { weight: 1, arbitrary: fc.record({ identity, identityIsHint: fc.constant(true) }) },
  { weight: 2, arbitrary: fc.record({ address }) },
  { weight: 1, arbitrary: fc.record({ identity, address }) },
  { weight: 1, arbitrary: fc.record({ identity, identityIsHint: fc.constant(true), address }) },
  { weight: 3, arbitrary: fc.constant({}) },
);
const phases = fc.constantFrom<readonly string[]>(
  [],
  ["binding"],
  ["binding", "wired"],
  ["wired", "active"],
  ["binding", "wired", "active"],
  ["detaching"],
  ["detaching", "detached"],
  ["detached"],
  ["failed"],
  ["failed", "released"],
  ["released"],
  ["detached", "released"],
  ["binding", "wired", "active", "detaching", "detached"],
);
/** Names that single claims seldom have, too, so that there is something left to be done. */
const bulkIdentity = fc.oneof(identity, fc.constantFrom("m", "n", "o", "p", "q"));
const bulk: fc.Arbitrary<BulkAction> = fc.oneof(
  fc.record({
    kind: fc.constant("bulk"),
    work: fc.constant("claim"),
    mode: fc.constantFrom("all", "each"),
    items: fc.array(
      fc.record({
        identity: bulkIdentity,
        addresses: fc.option(addresses, { nil: undefined, freq: 2 }),
        retention,
      }),
      { minLength: 1, maxLength: 5 },
    ),
  }),
  fc.record({
    kind: fc.constant("bulk"),
    work: fc.constant("release"),
    mode: fc.constantFrom("all", "each"),
    items: fc.array(fc.record({ identity: bulkIdentity, retention: fc.constant({ kind: "reserved" }) }), {
      minLength: 1,
      maxLength: 5,
    }),
  }),
);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: bulk },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("claim"),
      identity,
      addresses: fc.option(addresses, { nil: undefined }),
      retention,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("release"), identity }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("keep"), identity, retention }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("move"),
      identity,
      node: fc.option(node, { nil: undefined }),
      force: fc.boolean(),
    }),
  },
  { weight: 7, arbitrary: fc.record({ kind: fc.constant("reserve"), node, endpoint, wish }) },
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constant("report"),
      endpoint,
      phases,
      node: fc.option(node, { nil: undefined, freq: 10 }),
      behind: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1, -1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cutOff"), endpoint }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("beat"), node }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 60, arbitrary: action.map((one): Step => ({ kind: "act", action: one })) },
  {
    weight: 14,
    arbitrary: fc
      .constantFrom(1000, 20_000, 59_000, 60_000, 75_000, 300_000)
      .map((milliseconds): Step => ({ kind: "wait", milliseconds })),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "restart" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "verify" }) },
  { weight: 1, arbitrary: fc.uniqueArray(endpoint).map((missing): Step => ({ kind: "collect", missing })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(action, fc.boolean())
      .map(([one, committed]): Step => ({ kind: "crash", action: one, committed })),
  },
);

/** Steps of one program: short ones are among them, so that what fails is seldom long. */
export function programOf(length: number): fc.Arbitrary<readonly Step[]> {
  return fc.array(step, { minLength: 1, maxLength: length, size: "max" });
}
