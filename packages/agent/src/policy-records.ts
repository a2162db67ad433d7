import { errorText, HoldfastError } from "@holdfast/core";
import { nodePolicyChangeSchema, policyBlockSchema } from "@holdfast/model";
import { type EndpointPolicy, NO_NEWS, type NodePolicyChange, PolicyBook, type PolicyChange } from "@holdfast/policy";
import type { Operation, Store } from "@holdfast/store";
import { z } from "zod";

/** What the node was told of policies, on disk. */
export interface PolicyRecords {
  /** Whether a controller has ever told policies: from then on an endpoint without one is not attached. */
  readonly told: boolean;
  /** Writes news, with what the data path lets go of. */
  put(news: NodePolicyChange, done: PolicyChange): Promise<void>;
  putEndpoint(policy: EndpointPolicy): Promise<void>;
  /** The endpoint is gone, and what only it had. Nothing is written when nothing of it is there. */
  forget(endpoint: string, left: PolicyChange | undefined): Promise<void>;
}

/** Edits of sets that lie apart from them; then they are written together anew. */
const MOST_EDITS = 200;

const shape = nodePolicyChangeSchema.shape;
const keptSet = shape.sets.element.extend({ edits: z.int() });
const keptEdit = shape.setEdits.element;

/**
 * Reads what an earlier run was told.
 *
 * An edit of a set is a row of its own: a set may have 100,000 members, and is not written anew for one. A set says how many edits are in it.
 *
 * @throws HoldfastError `internal` when a record cannot be read: nothing is guessed.
 */
export async function openPolicyRecords(
  store: Store,
): Promise<{ readonly records: PolicyRecords; readonly policies: PolicyBook }> {
  const policies = new PolicyBook();
  let told = (await store.get("policy/told")) !== undefined;
  const sets = await load(store, "policy/set/", keptSet);
  const edits = await load(store, "policy/edit/", keptEdit);
  let number = Math.max(0, ...[...edits.keys()].map(Number), ...[...sets.values()].map((set) => set.edits));
  const kept = new Set([...edits.keys()].map(Number));
  const endpoints = await load(store, "policy/endpoint/", shape.endpoints.element);
  /** Endpoints with a record. */
  const recorded = new Set(endpoints.keys());
  policies.apply({
    ...NO_NEWS,
    sets: [...sets.values()].map(({ id, family, members }) => ({ id, family, members })),
    setEdits: [...edits]
      .sort(([a], [b]) => Number(a) - Number(b))
      .filter(([key, { id }]) => Number(key) > (sets.get(id)?.edits ?? Number.POSITIVE_INFINITY))
      .map(([, edit]) => edit),
    blocks: [...(await load(store, "policy/block/", policyBlockSchema)).values()],
    programs: [...(await load(store, "policy/program/", shape.programs.element)).values()],
    endpoints: [...endpoints.values()],
  });

  const commit = async (operations: Operation[]): Promise<void> => {
    if (operations.length > 0) await store.commit({ conditions: [], operations });
  };

  function putEdits(news: NodePolicyChange): Operation[] {
    return news.setEdits.map((edit) => {
      kept.add(++number);
      return put(`policy/edit/${number}`, edit);
    });
  }

  function putEndpoint(policy: EndpointPolicy): Operation {
    recorded.add(policy.endpoint);
    return put(`policy/endpoint/${policy.endpoint}`, policy);
  }

  function dropEndpoint(endpoint: string): Operation[] {
    return recorded.delete(endpoint) ? [drop(`policy/endpoint/${endpoint}`)] : [];
  }

  /** Sets with their edits in them, when there are many. */
  function gathered(): Operation[] {
    if (kept.size <= MOST_EDITS) return [];
    const whole = policies.everything().sets.map((set) => put(`policy/set/${set.id}`, { ...set, edits: number }));
    const gone = [...kept].map((edit) => drop(`policy/edit/${edit}`));
    kept.clear();
    return [...whole, ...gone];
  }

  return {
    policies,
    records: {
      get told() {
        return told;
      },

      async put(news, done) {
        const first = told ? [] : [put("policy/told", true)];
        told = true;
        await commit([
          ...first,
          ...news.sets.map((set) => put(`policy/set/${set.id}`, { ...set, edits: number })),
          ...putEdits(news),
          ...news.blocks.map((block) => put(`policy/block/${block.id}`, block)),
          ...news.programs.map((outline) => put(`policy/program/${outline.id}`, outline)),
          ...news.endpoints.map(putEndpoint),
          ...news.blocksGone.map((id) => drop(`policy/block/${id}`)),
          ...gone(done),
          ...gathered(),
        ]);
      },

      putEndpoint: (policy) => commit([putEndpoint(policy)]),

      forget: (endpoint, left) => commit([...dropEndpoint(endpoint), ...(left === undefined ? [] : gone(left))]),
    },
  };
}

function gone({ programsGone, setsGone }: PolicyChange): Operation[] {
  return [...programsGone.map((id) => drop(`policy/program/${id}`)), ...setsGone.map((id) => drop(`policy/set/${id}`))];
}

function put(key: string, value: unknown): Operation {
  return { kind: "put", key, value: JSON.stringify(value) };
}

function drop(key: string): Operation {
  return { kind: "delete", key };
}

async function load<T>(store: Store, prefix: string, schema: z.ZodType<T>): Promise<Map<string, T>> {
  const { entries } = await store.list(prefix);
  return new Map(
    entries.map(({ key, value }) => {
      try {
        return [key.slice(prefix.length), schema.parse(JSON.parse(value))];
      } catch (error) {
        throw new HoldfastError(
          "internal",
          `the node's copy holds a record that cannot be read: ${key}: ${errorText(error)}`,
        );
      }
    }),
  );
}
