import type { Name } from "@holdfast/core";
import {
  type Claim,
  type Endpoint,
  labelsOfClaim,
  type Network,
  type NodeBlock,
  type NodeBlockUsage,
  type Operation,
  problemToError,
  type QuarantinedAddress,
  type RouteReply,
  type RouteRequest,
  type Routes,
  type Tenant,
} from "@holdfast/model";
import type { Entry } from "@holdfast/store";
import type { Asked } from "../ledger/refusal-log.ts";
import { ephemeralIdentity } from "../nodes/ephemeral-identity.ts";
import type { Nouns } from "../nouns.ts";
import type { Platform } from "../platform.ts";
import { labelFilter, type Page, pageOfKnown, pageOfPrefix } from "../reading/lists.ts";
import { notFound } from "../refusals.ts";
import type { Caller } from "../state/change.ts";
import { keys, named } from "../state/keys.ts";
import { publicNetwork, type Quarantined, type StoredNetwork, type StoredNode } from "../state/records.ts";
import { createPolicyHandlers } from "./policy-handlers.ts";
import { createQosHandlers } from "./qos-handlers.ts";
import { kept, labelled, objectOf } from "./reading-entries.ts";

type Streaming = "followNode" | "watch" | "followDrops" | "exportLedger" | "verifyAddresses";
/** What another program answers. */
type Passed = { [K in keyof Routes]: Routes[K] extends { readonly passedTo: string } ? K : never }[keyof Routes];
export type HandledRoute = Exclude<keyof Routes, Streaming | Passed>;

/** What answers each operation that is not a stream. Replies may be readonly views of what the schemas describe. */
export type Handlers = {
  readonly [K in HandledRoute]: (
    request: RouteRequest<Routes[K]>,
    caller: Caller,
  ) => Frozen<RouteReply<Routes[K]>> | Promise<Frozen<RouteReply<Routes[K]>>>;
};

/** What a handler without a reply gives. */
type Nothing = ReturnType<() => void>;

type Frozen<T> = T extends undefined
  ? Nothing
  : T extends object
    ? { readonly [K in keyof T]: T[K] extends (infer I)[] ? readonly I[] : T[K] }
    : T;

export function createHandlers(platform: Platform, nouns: Nouns): Handlers {
  const { store, state, liveness } = platform;
  const { tenants, networks, subnets, claims, endpoints, nodes, blocks } = nouns;

  /** A request of a registered node is a sign of life. */
  function heardOf(node: Name): Promise<void> | undefined {
    if (!state.nodes.has(node)) throw notFound(`node ${node}`, "its agent has to register it first");
    return liveness.heard(node);
  }

  /** A refusal of exact addresses is noted in their history. */
  async function noted<T>(made: Promise<T>, asked: Asked): Promise<T> {
    try {
      return await made;
    } catch (error) {
      nouns.refusals.note(asked, error);
      throw error;
    }
  }

  return {
    ...createPolicyHandlers(platform, nouns),
    ...createQosHandlers(platform, nouns),

    createTenant: ({ body }, caller) => tenants.create(body, caller),
    getTenant: ({ params }) => tenants.get(params.tenant),
    getTenantUsage: ({ params }) => nouns.usage.ofTenant(params.tenant),
    updateTenant: ({ params, body }, caller) => tenants.update(params.tenant, body, caller),
    deleteTenant: ({ params }, caller) => tenants.delete(params.tenant, caller),
    listTenants: ({ query }) =>
      pageOfPrefix(
        store,
        "tenants/",
        query,
        labelled(query.selector, (entry) => objectOf<Tenant>(entry)),
      ),

    createNetwork: ({ params, body }, caller) => networks.create(params.tenant, body, caller),
    getNetwork: ({ params }) => networks.get(params.tenant, params.network),
    getNetworkUsage: ({ params }) => nouns.usage.ofNetwork(params.tenant, params.network),
    updateNetwork: ({ params, body }, caller) => networks.update(params.tenant, params.network, body, caller),
    deleteNetwork: ({ params }, caller) => networks.delete(params.tenant, params.network, caller),
    listNetworks: ({ query }) => {
      const prefix = query.tenant === undefined ? "networks/" : `networks/${query.tenant}/`;
      const read = (entry: Entry): Network => publicNetwork(objectOf<StoredNetwork>(entry));
      return pageOfPrefix(store, prefix, query, labelled(query.selector, read));
    },
    addSubnet: ({ params, body }, caller) => subnets.add(params.tenant, params.network, body, caller),
    removeSubnet: ({ params }, caller) => subnets.remove(params.tenant, params.network, params.prefix, caller),
    drainSubnet: ({ params, body }, caller) => nouns.draining.drain(params, body, caller),
    undrainSubnet: ({ params }, caller) => nouns.draining.undrain(params, caller),
    setGroupRanges: ({ params, body }, caller) => nouns.groupRanges.set(params, body.ranges, caller),
    removeGroupRanges: ({ params }, caller) => nouns.groupRanges.remove(params, caller),
    listSubnets: ({ params }) => subnets.list(params.tenant, params.network),

    createClaim: ({ params, body }, caller) => {
      const made = claims.create(params.tenant, params.network, body, caller);
      const { addresses, identity } = body;
      if (addresses === undefined) return made;
      return noted(made, { ...params, ...caller, addresses, identity });
    },
    getClaim: ({ params }) => claims.get(params),
    updateClaim: ({ params, body }, caller) => claims.update(params, body, caller),
    transferClaim: ({ params, body }, caller) => nouns.transfers.transfer(params, body, caller),
    createTenantClaim: ({ params, body }, caller) => nouns.anywhere.create(params.tenant, body, caller),
    moveClaim: ({ params, body }, caller) => claims.move(params, body, caller),
    releaseClaim: ({ params }, caller) => claims.release(params, caller),
    listClaims: ({ query }) => {
      const { tenant, network, node } = query;
      const matches = labelFilter(query.selector);
      const wanted = (claim: Claim) =>
        matches(labelsOfClaim(claim)) &&
        (tenant === undefined || claim.tenant === tenant) &&
        (network === undefined || claim.network === network) &&
        (node === undefined || claim.binding?.node === node);
      if (node !== undefined) {
        const known = state.claimsOfNode(node).filter(wanted);
        const keyed = new Map(known.map((item) => [`${item.tenant}/${item.network}/${item.identity}`, item]));
        return pageOfKnown(keyed.keys(), query, { revision: state.revision, read: (key) => keyed.get(key) });
      }
      const within = tenant === undefined ? "" : `${tenant}/${network === undefined ? "" : `${network}/`}`;
      return pageOfPrefix(
        store,
        `claims/${within}`,
        query,
        kept((entry) => objectOf<Claim>(entry), wanted),
      );
    },
    createClaims: async ({ params, body }, caller) => {
      const answer = await nouns.bulk.create(params.tenant, params.network, body, caller);
      for (const [index, one] of body.dryRun ? [] : answer.results.entries()) {
        const { addresses = [], identity = "" } = body.items[index] ?? {};
        if (one.outcome !== "refused" || identity === "" || addresses.length === 0) continue;
        nouns.refusals.note({ ...params, ...caller, addresses, identity }, problemToError(one.problem));
      }
      return answer;
    },
    releaseClaims: ({ params, body }, caller) => nouns.bulk.release(params.tenant, params.network, body, caller),
    explainAddress: async ({ params, query: { at, ...within } }) => {
      const { explainer } = nouns;
      const told =
        at === undefined
          ? explainer.explain(params.address, within)
          : explainer.explainAt(params.address, within, new Date(at));
      return { items: [...(await told)] };
    },

    listLedger: ({ query: { limit, continue: after, ...filter } }) => nouns.reader.page({ ...filter, after }, limit),

    getEndpoint: ({ params }) => endpoints.get(params.endpoint),
    deleteEndpoint: ({ params }, caller) => endpoints.delete(params.endpoint, caller),
    listEndpoints: ({ query }): Page<Endpoint> | Promise<Page<Endpoint>> => {
      const { tenant, network, node, phase } = query;
      const wanted = (endpoint: Endpoint) =>
        (tenant === undefined || endpoint.tenant === tenant) &&
        (network === undefined || endpoint.network === network) &&
        (node === undefined || endpoint.node === node) &&
        (phase === undefined || endpoint.phase === phase);
      const inNetwork = tenant === undefined || network === undefined ? undefined : state.network(tenant, network);
      const ids = node === undefined ? inNetwork?.endpoints : (state.endpointsOfNode.get(node) ?? new Set<string>());
      if (ids === undefined) {
        return pageOfPrefix(
          store,
          "endpoints/",
          query,
          kept((entry) => objectOf<Endpoint>(entry), wanted),
        );
      }
      const read = (id: string): Endpoint | undefined => {
        const endpoint = state.endpoints.get(id);
        return endpoint !== undefined && wanted(endpoint) ? endpoint : undefined;
      };
      return pageOfKnown(ids, query, { revision: state.revision, read });
    },

    listOperations: ({ query: { tenant, state: wanted, ...query } }) =>
      pageOfPrefix(
        store,
        "operations/",
        query,
        kept(
          (entry) => objectOf<Operation>(entry),
          (one) => (tenant === undefined || one.tenant === tenant) && (wanted === undefined || one.state === wanted),
        ),
      ),
    getOperation: ({ params, query }) => nouns.operations.wait(params.operation, query.wait * 1000, query.after),
    listOperationResults: ({ params, query }) => nouns.operations.results(params.operation, query.continue),
    cancelOperation: ({ params }) => nouns.operations.cancel(params.operation),

    listNodes: ({ query }) => {
      const read = (entry: Entry) => nodes.withLife(objectOf<StoredNode>(entry));
      return pageOfPrefix(store, "nodes/", query, labelled(query.selector, read));
    },
    getNode: ({ params }) => nodes.get(params.node),
    reportNode: ({ params, body }) => nodes.report(params.node, body),
    deleteNode: ({ params }, caller) => nodes.delete(params.node, caller),
    listBlocks: ({ query }) => {
      const { tenant, network, node } = query;
      const wanted = (block: NodeBlock) =>
        (tenant === undefined || block.tenant === tenant) && (network === undefined || block.network === network);
      if (node !== undefined) {
        const known = [...(state.blocksOfNode.get(node) ?? [])].filter(wanted);
        const keyed = new Map(known.map((one) => [keys.block(one.tenant, one.network, one.prefix), one]));
        const read = (key: string): NodeBlockUsage | undefined => {
          const block = keyed.get(key);
          return block && blocks.withUsage(block);
        };
        return pageOfKnown(keyed.keys(), query, { revision: state.revision, read });
      }
      const within = tenant === undefined ? "" : `${tenant}/${network === undefined ? "" : `${network}/`}`;
      const read = kept((entry) => objectOf<NodeBlock>(entry), wanted);
      return pageOfPrefix(store, `blocks/${within}`, query, (entry) => {
        const block = read(entry);
        return block === undefined ? undefined : blocks.withUsage(block);
      });
    },
    listQuarantine: ({ query }) => {
      const { tenant, network } = query;
      const within = tenant === undefined ? "" : `${tenant}/${network === undefined ? "" : `${network}/`}`;
      const read = (entry: Entry) => ({ ...objectOf<Quarantined>(entry), ...named.address(entry.key) });
      const wanted = (one: QuarantinedAddress) => network === undefined || one.network === network;
      return pageOfPrefix(store, `quarantine/${within}`, query, kept(read, wanted));
    },
    releaseQuarantine: ({ params, body }, caller) => nouns.quarantine.release(params, body.reason, caller),
    tellCounts: async ({ params, body }) => {
      await heardOf(params.node);
      return nouns.policyCounts.take(params.node, body);
    },
    tellInventory: async ({ params, body }) => {
      await heardOf(params.node);
      nouns.inventories.take(params.node, body);
    },
    reclaimBlock: ({ params, body }, caller) => blocks.reclaim(params, body, caller),
    leaseBlock: async ({ params, body }) => {
      await heardOf(params.node);
      return blocks.lease(params.node, body);
    },
    returnBlock: async ({ params, body }) => {
      await heardOf(params.node);
      return blocks.giveBack(params.node, body);
    },
    reserve: async ({ params, body, query }, { actor, requestId }) => {
      const { node } = params;
      await heardOf(node);
      const made = nouns.reservations.reserve(node, body, requestId);
      const told = made.then((answer) => ({
        ...answer,
        ...(query.policies === "true" ? { policy: nouns.feeds.policyOf(answer.endpoint) } : {}),
        ...(query.qos === "true" ? nouns.qosChoice.termsOf(answer.endpoint) : {}),
      }));
      const { tenant, network, address, endpoint, identity = ephemeralIdentity(endpoint) } = body;
      if (address === undefined) return told;
      return noted(told, { tenant, network, addresses: [address], identity, actor, requestId, node });
    },
    report: async ({ params, body }, { requestId }) => {
      await heardOf(params.node);
      return { results: [...(await nouns.reports.report(params.node, body.reports, requestId))] };
    },
  };
}
