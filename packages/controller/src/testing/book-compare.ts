import { IpAddress, Name } from "@holdfast/core";
import type { Engine } from "../engine.ts";
import { TENANT } from "./engine-harness.ts";

const WEB = Name.parse("web");

/** Everything that the real thing has, as the model's lines. `began`: the clock's milliseconds at the model's beginning. */
export function bookLines({ platform }: Engine, began: number): string[] {
  const { state } = platform;
  const network = state.network(TENANT, WEB);
  const since = (time: string | undefined) => (time === undefined ? undefined : Date.parse(time) - began);
  const claims = [...(network?.claims.values() ?? [])].map((claim) => {
    const { identity, addresses, retention, epoch, binding, heldFor, expiresAt } = claim;
    const parts = [identity, addresses.join(), retention.kind, epoch, binding?.endpoint, heldFor, since(expiresAt)];
    return ["claim", ...parts].join(" ");
  });
  const endpoints = [...state.endpoints.values()].map(({ id, node, identity, epoch, phase }) =>
    ["endpoint", id, node, identity, epoch, phase].join(" "),
  );
  const resting = [...(network?.cooling.values() ?? [])].map(({ address, until, identity, node }) =>
    ["rests", address, since(until), identity, node].join(" "),
  );
  return [...claims, ...endpoints, ...resting, ...[...state.superseded.keys()].map((key) => `lost ${key}`)].sort();
}

/** Who has an address, the pool that gives them out, and the claims are of one mind. @throws Error naming what is not. */
export function checkOwners({ platform }: Engine): void {
  const { state, pools } = platform;
  const network = state.network(TENANT, WEB);
  if (network === undefined) return;
  for (const { identity, addresses } of network.claims.values()) {
    for (const address of addresses) {
      if (network.addresses.get(address) !== identity) throw new Error(`${address} does not belong to ${identity}`);
      const inPool = pools.stateOf(network, IpAddress.parse(address));
      if (inPool !== "used") throw new Error(`${address} of ${identity} is ${inPool} in the pool`);
    }
  }
  const used = pools.utilisation(network).reduce((sum, one) => sum + one.used, 0);
  const claimed = [...network.claims.values()].flatMap(({ addresses }) => addresses).length;
  if (used !== claimed) throw new Error(`the pool counts ${used} addresses as used, the claims have ${claimed}`);
}
