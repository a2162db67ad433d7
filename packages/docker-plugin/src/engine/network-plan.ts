import { Cidr } from "@holdfast/core";
import type { WiredNetwork } from "@holdfast/model";
import { dockerNetworkName, formatNetworkKey, NETWORK_OPTION } from "../drivers/network-key.ts";
import type { EngineNetwork, NewEngineNetwork } from "./engine.ts";

/** The label of docker networks that we make, and only those we change or remove. */
export const MANAGED_LABEL = "holdfast.managed";
/** What such a network was made of; a docker network cannot be changed, only made anew. */
export const SUBNETS_LABEL = "holdfast.subnets";

/** One thing to do so that the docker networks are as the Holdfast networks say. */
export type NetworkStep =
  | { readonly kind: "create"; readonly network: NewEngineNetwork }
  /** Its subnets have changed: to be removed and made anew. */
  | { readonly kind: "replace"; readonly id: string; readonly network: NewEngineNetwork }
  | { readonly kind: "remove"; readonly id: string; readonly name: string }
  /** To be done when something else has changed; the reason is for the log. */
  | { readonly kind: "wait"; readonly name: string; readonly reason: string };

/** Compares the docker networks that should be with those that are. */
export function planNetworks(
  desired: readonly WiredNetwork[],
  observed: readonly EngineNetwork[],
  apiVersion: string,
): readonly NetworkStep[] {
  const wanted = new Map(desired.filter(({ docker }) => docker).map((network) => [keyText(network), network]));
  const steps: NetworkStep[] = [];
  const served = new Set<string>();
  for (const network of observed) {
    const key = observedKey(network);
    if (network.labels[MANAGED_LABEL] !== "true") {
      // Made by hand: theirs, and enough.
      if (key !== undefined) served.add(key);
      continue;
    }
    const want = key === undefined ? undefined : wanted.get(key);
    if (want === undefined || key === undefined || served.has(key)) steps.push(removeStep(network));
    else {
      served.add(key);
      if (network.labels[SUBNETS_LABEL] !== subnetsText(want)) steps.push(replaceStep(network, want, apiVersion));
    }
  }
  for (const [key, network] of wanted) if (!served.has(key)) steps.push(createStep(network, apiVersion));
  return steps;
}

/** Which Holdfast network a docker network of our driver stands for, as text. */
export function observedKey({ ipamOptions, options }: EngineNetwork): string | undefined {
  const text = ipamOptions[NETWORK_OPTION] ?? options[NETWORK_OPTION];
  if (text === undefined) return undefined;
  return text.includes("/") ? text : `default/${text}`;
}

function keyText({ tenant, name }: WiredNetwork): string {
  return formatNetworkKey({ tenant, network: name });
}

function createStep(network: WiredNetwork, apiVersion: string): NetworkStep {
  const name = dockerNetworkName({ tenant: network.tenant, network: network.name });
  const hasFamily = (family: "v4" | "v6"): boolean =>
    network.subnets.some(({ prefix }) => Cidr.family(prefix) === family);
  const ipv4 = hasFamily("v4");
  if (network.subnets.length === 0) return { kind: "wait", name, reason: "it has no subnet yet" };
  if (!ipv4 && !speaks(apiVersion, 48))
    return { kind: "wait", name, reason: "it has no IPv4 subnet, which needs Docker 28" };
  const subnets = network.subnets.map(({ prefix, gateway }) => ({
    prefix,
    ...(gateway === undefined ? {} : { gateway }),
  }));
  const options = { [NETWORK_OPTION]: keyText(network) };
  const labels = { [MANAGED_LABEL]: "true", [SUBNETS_LABEL]: subnetsText(network) };
  return { kind: "create", network: { name, subnets, ipv4, ipv6: hasFamily("v6"), options, labels } };
}

function replaceStep(observed: EngineNetwork, want: WiredNetwork, apiVersion: string): NetworkStep {
  const create = createStep(want, apiVersion);
  if (create.kind !== "create") return create;
  if (observed.endpoints.length === 0) return { kind: "replace", id: observed.id, network: create.network };
  return {
    kind: "wait",
    name: observed.name,
    reason: `its subnets have changed, but it is in use by ${users(observed)}`,
  };
}

function removeStep(observed: EngineNetwork): NetworkStep {
  const { id, name, endpoints } = observed;
  if (endpoints.length === 0) return { kind: "remove", id, name };
  return { kind: "wait", name, reason: `it is to go, but it is in use by ${users(observed)}` };
}

function users({ endpoints }: EngineNetwork): string {
  const names = endpoints.map(({ container }) => container);
  return names.length <= 3 ? names.join(", ") : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;
}

/** `"10.20.0.0/16 via 10.20.0.1, fd00::/64"`: in the order of the subnets. */
function subnetsText({ subnets }: WiredNetwork): string {
  return subnets.map(({ prefix, gateway }) => (gateway === undefined ? prefix : `${prefix} via ${gateway}`)).join(", ");
}

function speaks(apiVersion: string, minor: number): boolean {
  const [major = 0, actual = 0] = apiVersion.split(".").map(Number);
  return major > 1 || (major === 1 && actual >= minor);
}
