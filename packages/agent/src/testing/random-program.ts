import type { Identity, IpAddress } from "@holdfast/core";
import fc from "fast-check";

export const HOSTS = ["h1", "h2", "h3"] as const;
/** Claims that programs make and release, each with an address of its own. */
export const IDENTITIES = ["redis-0", "redis-1", "redis-2"] as const;
const SLOTS = 5;

/** How a container asks for its address. */
type Wish = { readonly kind: "any" } | { readonly kind: "identity" | "address"; readonly claim: number } | FreeAddress;
/** An address of the pool that nobody has claimed beforehand. */
interface FreeAddress {
  readonly kind: "free";
  readonly last: number;
}

/** One step; `patience` is the milliseconds after which its caller gives up, `alone: false` says that the next step does not wait for it. */
export type Step = (
  | { readonly kind: "reserve"; readonly slot: number; readonly host: number; readonly wish: Wish }
  | { readonly kind: "attach" | "up" | "gone" | "detach" | "unreserve"; readonly slot: number }
  | { readonly kind: "claim" | "release"; readonly claim: number }
  | { readonly kind: "move"; readonly claim: number; readonly host: number | undefined }
  | { readonly kind: "agent" | "link" | "feed" | "deaf"; readonly host: number }
  | { readonly kind: "controller" | "settle" }
  | { readonly kind: "reclaim"; readonly host: number; readonly force: boolean }
) & {
  readonly patience: number;
  readonly alone: boolean;
  /** Milliseconds that the data paths take for each change from now on. */
  readonly latency: number;
};

const host = fc.nat({ max: HOSTS.length - 1 });
const slot = fc.nat({ max: SLOTS - 1 });
const claim = fc.nat({ max: IDENTITIES.length - 1 });
const wish: fc.Arbitrary<Wish> = fc.oneof(
  fc.constant({ kind: "any" } as const),
  fc.record({ kind: fc.constantFrom("identity", "address"), claim }),
  fc.record({ kind: fc.constant("free"), last: fc.integer({ min: 100, max: 102 }) }),
);
const steps = [
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("reserve"), slot, host, wish }) },
  { weight: 14, arbitrary: fc.record({ kind: fc.constantFrom("attach", "up", "detach", "unreserve"), slot }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("gone"), slot }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("claim", "claim", "release"), claim }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("move"), claim, host: fc.option(host, { nil: undefined }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("agent", "link", "feed", "deaf"), host }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("controller", "settle") }) },
] as const;
const manner = fc.record({
  patience: fc.oneof({ weight: 5, arbitrary: fc.constant(5000) }, { weight: 1, arbitrary: fc.nat({ max: 8 }) }),
  alone: fc.oneof({ weight: 2, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  latency: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 6 }) }),
});
const programOf = (step: fc.Arbitrary<object>): fc.Arbitrary<readonly Step[]> =>
  fc.array(
    fc.tuple(step, manner).map(([what, how]) => ({ ...what, ...how }) as Step),
    { minLength: 20, maxLength: 60 },
  );
export const programArbitrary = programOf(fc.oneof(...steps));

/** Mostly containers that take any address, on nodes with blocks, which operators take back now and then. */
const anyWish: fc.Arbitrary<Wish> = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ kind: "any" } as const) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("free"), last: fc.integer({ min: 126, max: 142 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("identity", "address"), claim }) },
);
export const blockProgramArbitrary = programOf(
  fc.oneof(
    ...steps,
    { weight: 8, arbitrary: fc.record({ kind: fc.constant("reserve"), slot, host, wish: anyWish }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("agent", "link", "feed", "deaf"), host }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("reclaim"), host, force: fc.boolean() }) },
  ),
);

/** The address of the claim with this number, e.g. 10.20.0.50 for 0. */
export function addressOf(index: number): IpAddress {
  return `10.20.0.${50 + index}` as IpAddress;
}

/** What the wish says in a request; nothing when any address will do. */
export function asRequest(wish: Wish): { readonly address?: IpAddress; readonly identity?: Identity } {
  switch (wish.kind) {
    case "any":
      return {};
    case "identity":
      return { identity: (IDENTITIES[wish.claim] ?? "redis-0") as Identity };
    case "address":
      return { address: addressOf(wish.claim) };
    case "free":
      return { address: `10.20.0.${wish.last}` as IpAddress };
  }
}
