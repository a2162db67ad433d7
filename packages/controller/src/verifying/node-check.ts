import type { Name } from "@holdfast/core";
import { type Endpoint, type InventoryEndpoint, isOnWire, type NodeInventory } from "@holdfast/model";
import type { State } from "../state/state.ts";
import type { Finding } from "./finding.ts";
import { endpointsMayBeJudged, idsOf } from "./node-knowledge.ts";

/** Losses that a node is still to be told of: `endpoint` with the revision of the note. */
export type Losses = ReadonlyMap<string, number>;

/** What one node has, against what the book says of it. Synchronous: the book is of one moment, which is later than the inventory. */
export function* checkNode(state: State, node: Name, inventory: NodeInventory, losses: Losses): Iterable<Finding> {
  const here = new Map(inventory.endpoints.map((endpoint) => [endpoint.id, endpoint]));
  const known = idsOf(inventory);
  for (const id of state.endpointsOfNode.get(node) ?? []) {
    const endpoint = state.endpoints.get(id);
    if (endpoint === undefined || !endpointsMayBeJudged(endpoint, inventory)) continue;
    const found = here.get(id);
    if (found === undefined) {
      if (!known.has(id)) yield missing(state, endpoint, inventory);
    } else if (isDead(found)) yield dead(state, endpoint, found, inventory);
    else if (differs(endpoint, found)) yield different(endpoint, found, inventory);
  }
  for (const found of inventory.endpoints) {
    if (!state.endpoints.has(found.id)) yield unknown(state, node, found, { inventory, losses });
  }
  for (const stray of inventory.strays) {
    const recorded = state.endpoints.get(stray.endpoint);
    const book =
      recorded === undefined ? "it has no such endpoint" : `endpoint of ${recorded.identity}, ${recorded.phase}`;
    yield {
      kind: "stray-interface",
      object: `interface ${stray.interface} on ${node}`,
      about: { node, endpoint: stray.endpoint },
      book,
      world: `the interface of endpoint ${stray.endpoint} is on the wire, and its node has no record of it`,
      remedy: "the node takes it off the wire",
      evidence: `${inventory.run} ${stray.endpoint}`,
      repair: { kind: "tell", node, endpoint: stray.endpoint },
    };
  }
  for (const [endpoint, revision] of losses) {
    if (known.has(endpoint) || revision > inventory.revision) continue;
    // The node has said since then that it is down.
    if (state.superseded.get(`${node}/${endpoint}`)?.revision !== revision) continue;
    yield {
      kind: "settled-loss",
      object: `lost endpoint ${endpoint} on ${node}`,
      about: { node, endpoint },
      book: "the node is to be told that it has lost the endpoint",
      world: "the node does not have it any more",
      remedy: "the note goes",
      evidence: `${inventory.run} ${revision}`,
      repair: { kind: "settle", node, endpoint, revision },
    };
  }
}

/**
 * The runtime does not have it, or the kernel has taken its interface; and in both cases nobody lives in its sandbox. That no process is in it says so
 * with Docker alone: a pod's namespace is pinned by a bind mount and may be empty.
 */
function isDead({ phase, runtime, link, sandbox, workload }: InventoryEndpoint): boolean {
  if (phase !== "wired" && phase !== "active") return false;
  if (sandbox !== "gone" && !(sandbox === "empty" && workload.runtime === "docker")) return false;
  return runtime === "missing" || (runtime === "unknown" && link === "gone" && sandbox === "gone");
}

function missing(state: State, endpoint: Endpoint, { run }: NodeInventory): Finding {
  return {
    ...ofEndpoint(state, endpoint, run),
    kind: "endpoint-missing",
    world: `node ${endpoint.node} does not have it: not in its records, not among its requests, not on the wire`,
  };
}

function dead(state: State, endpoint: Endpoint, found: InventoryEndpoint, { run }: NodeInventory): Finding {
  const { phase, since, runtime, sandbox, link } = found;
  const namespace = sandbox === "gone" ? "its sandbox is gone" : "no process is in its sandbox";
  const sign =
    runtime === "missing" ? `${found.workload.runtime} does not have it` : "the kernel has removed its interface";
  return {
    ...ofEndpoint(state, endpoint, [run, phase, since, runtime, sandbox, link].join(" ")),
    kind: "endpoint-dead",
    world: `node ${endpoint.node} has it, but ${sign} and ${namespace}`,
  };
}

function ofEndpoint(state: State, endpoint: Endpoint, seen: string): Omit<Finding, "kind" | "world"> {
  const { id, tenant, network, identity, addresses, node, revision, phase } = endpoint;
  const claim = state.network(tenant, network)?.claims.get(identity);
  const bound = claim?.binding?.endpoint === id;
  const base = {
    object: `endpoint ${id}`,
    about: { tenant, network, identity, addresses, node, endpoint: id },
    book: `${phase} on ${node} for ${identity} with ${addresses.join(" and ")}`,
    evidence: `${seen} ${revision} ${claim?.revision ?? 0}`,
  };
  if (claim === undefined || !bound) {
    return { ...base, remedy: "the record goes", repair: { kind: "cut", endpoint: id, revision } };
  }
  const remedy =
    claim.retention.kind === "ephemeral"
      ? `the claim goes with it, ${claim.addresses.join(" and ")} rest, then are free`
      : `${identity} keeps its claim (${claim.retention.kind}) and may be bound again`;
  return { ...base, remedy, repair: { kind: "reclaim", endpoint: id, revision, claimRevision: claim.revision } };
}

function differs(endpoint: Endpoint, found: InventoryEndpoint): boolean {
  return (
    endpoint.identity !== found.identity ||
    endpoint.tenant !== found.tenant ||
    endpoint.network !== found.network ||
    endpoint.mac !== found.mac ||
    endpoint.epoch !== found.epoch ||
    endpoint.addresses.join() !== found.addresses.join()
  );
}

function different(endpoint: Endpoint, found: InventoryEndpoint, { run }: NodeInventory): Finding {
  const { id, tenant, network, identity, addresses, node, revision } = endpoint;
  return {
    kind: "endpoint-differs",
    object: `endpoint ${id}`,
    about: { tenant, network, identity, addresses, node, endpoint: id },
    book: sayOf(endpoint),
    world: `node ${node} has ${sayOf(found)}`,
    remedy: `find out which is right; holdfast endpoint delete ${id} cuts it off`,
    evidence: `${run} ${revision} ${sayOf(found)}`,
  };
}

function sayOf({ tenant, network, identity, addresses, mac, epoch }: Endpoint | InventoryEndpoint): string {
  return `${tenant}/${network}/${identity} with ${addresses.join(" and ")}, ${mac}, epoch ${epoch}`;
}

function unknown(
  state: State,
  node: Name,
  found: InventoryEndpoint,
  { inventory, losses }: { readonly inventory: NodeInventory; readonly losses: Losses },
): Finding {
  const { id, tenant, network, identity, addresses, phase, since } = found;
  const lost = losses.has(id);
  const base = {
    kind: "endpoint-unknown" as const,
    object: `endpoint ${id}`,
    about: { tenant, network, identity, addresses, node, endpoint: id },
    book: lost ? "the node has lost it" : "there is no such endpoint",
    world: `node ${node} has it ${phase} for ${identity} with ${addresses.join(" and ")}`,
    evidence: `${inventory.run} ${phase} ${since}`,
  };
  if (lost || !isOnWire(phase)) {
    return { ...base, remedy: "the node takes it down", repair: { kind: "tell", node, endpoint: id } };
  }
  const obstacle = whyNotAdopted(state, node, found);
  if (obstacle === undefined) {
    const repair = { kind: "adopt", node, endpoint: found } as const;
    return {
      ...base,
      remedy: "what runs keeps its address: claim and endpoint are recorded as the node has them",
      repair,
    };
  }
  return { ...base, book: `${base.book}: ${obstacle}`, remedy: "stop that container, or give it another address" };
}

/** Why an endpoint that runs cannot be written into the book as it is; undefined: it can. */
export function whyNotAdopted(state: State, node: Name, found: InventoryEndpoint): string | undefined {
  const { id, tenant, network: name, identity, ephemeral, addresses, epoch } = found;
  const network = state.network(tenant, name);
  if (network?.record === undefined) return `network ${tenant}/${name} is gone`;
  const claim = network.claims.get(identity);
  if (claim?.binding !== undefined && claim.binding.endpoint !== id) {
    return `${identity} is bound by ${claim.binding.endpoint} on node ${claim.binding.node}`;
  }
  if (claim !== undefined && claim.binding === undefined && claim.epoch >= epoch) return `${identity} was taken off it`;
  if (claim !== undefined && claim.addresses.join() !== addresses.join()) {
    return `${identity} has ${claim.addresses.join(" and ")}`;
  }
  const block = addresses.map((address) => network.blocks.givenFrom(address)).find((each) => each !== undefined);
  if (block !== undefined && !(block.node === node && ephemeral))
    return `it is of block ${block.prefix}, whose node ${block.node} reports by itself what it gives`;
  const foreign = addresses.find((address) => (network.addresses.get(address) ?? identity) !== identity);
  return foreign === undefined ? undefined : `${foreign} belongs to ${network.addresses.get(foreign)}`;
}
