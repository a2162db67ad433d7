import { HoldfastError, type Name } from "@holdfast/core";
import type { NodeRecord, NodeReport } from "@holdfast/model";
import { takeBlockBack } from "../blocks/block-drafts.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type Platform, timestamp } from "../platform.ts";
import { checkIfMatch, notFound } from "../refusals.ts";
import type { Caller, Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { StoredNode } from "../state/records.ts";

export interface Nodes {
  /** Registers a machine, and takes a sign of life. Writes only what has changed. Says how its switch is to export sFlow, if it knows how to. */
  report(name: Name, body: NodeReport): Promise<NodeRecord>;
  get(name: Name): NodeRecord;
  /** A stored node with what is known of its life. */
  withLife(stored: StoredNode): NodeRecord;
  delete(name: Name, caller: Caller): Promise<void>;
}

export function createNodes(platform: Platform, ledger: Ledger): Nodes {
  const { state, changer, clock, liveness, rules } = platform;

  function stored(name: Name): StoredNode {
    const node = state.nodes.get(name);
    if (node === undefined) throw notFound(`node ${name}`);
    return node;
  }

  /** Two machines of one name would take down each other's endpoints. @throws HoldfastError `conflict`, as long as the other one is heard of. */
  function refuseNamesake(name: Name, { instance }: NodeReport): void {
    const present = state.nodes.get(name)?.instance;
    const lastSeen = liveness.lastSeen(name);
    if (present === undefined || instance === undefined || present === instance) return;
    if (lastSeen === undefined || liveness.isSilent(name)) return;
    throw new HoldfastError(
      "conflict",
      `node ${name} is another machine, heard of ${Math.round(liveness.silence(name) / 1000)} s ago; give this one another name ` +
        "(agent --node), or stop the other agent and wait until it counts as silent",
      { details: { node: name }, retryable: true },
    );
  }

  function takeBlocksBack(draft: Draft, name: Name, why: { readonly actor: string; readonly reason: string }): void {
    for (const block of state.blocksOfNode.get(name) ?? []) takeBlockBack(draft, { ...platform, ledger }, block, why);
  }

  function withLife(node: StoredNode): NodeRecord {
    const seen = liveness.lastSeen(node.name);
    return {
      ...node,
      state: liveness.isSilent(node.name) ? "silent" : "ready",
      ...(seen === undefined ? {} : { lastSeen: seen.toISOString() }),
    };
  }

  return {
    withLife,

    async report(name, body) {
      refuseNamesake(name, body);
      liveness.seen(name);
      const { result } = await changer.change((draft) => {
        const before = state.nodes.get(name);
        if (before !== undefined && saysTheSame(before, body)) return { node: before, changed: false };
        const node: StoredNode = { name, ...body, createdAt: before?.createdAt ?? timestamp(clock), revision: 0 };
        draft.expect(keys.node(name), before?.revision ?? 0);
        // The other machine may be giving addresses still: its blocks do not come to this one.
        if (before?.instance !== undefined && before.instance !== body.instance) {
          takeBlocksBack(draft, name, { actor: `node/${name}`, reason: `node ${name} is another machine now` });
        }
        draft.put(keys.node(name), node);
        return { node, changed: true };
      });
      await liveness.heard(name);
      const record = withLife(state.nodes.get(name) ?? result.node);
      // Older agents would not know it.
      const isTold = body.sflowAgent !== undefined && rules.flowExport !== undefined;
      return isTold ? { ...record, flowExport: rules.flowExport } : record;
    },

    get: (name) => withLife(stored(name)),

    async delete(name, caller) {
      await changer.change((draft) => {
        const node = stored(name);
        checkIfMatch(caller, `node ${name}`, node.revision);
        const served = state.endpointsOfNode.get(name)?.size ?? 0;
        if (served > 0) {
          throw new HoldfastError("in_use", `node ${name} serves ${served} endpoints; move their claims first`, {
            details: { endpoints: served },
          });
        }
        if (!liveness.isSilentFor(draft, name)) {
          throw new HoldfastError("in_use", `node ${name} is alive; stop its agent and wait until it is silent`);
        }
        draft.expect(keys.node(name), node.revision);
        draft.delete(keys.node(name));
        draft.delete(keys.heard(name));
        takeBlocksBack(draft, name, { actor: caller.actor, reason: `node ${name} was deleted` });
        for (const [key, { revision }] of state.superseded) {
          if (!key.startsWith(`${name}/`)) continue;
          draft.expect(`superseded/${key}`, revision);
          draft.delete(`superseded/${key}`);
        }
        return undefined;
      });
      liveness.forget(name);
    },
  };
}

function saysTheSame(node: StoredNode, report: NodeReport): boolean {
  const { name: _, createdAt: __, revision: ___, ...said } = node;
  return stable(said) === stable(report);
}

/** The same text for the same content, whatever the order of its fields. */
function stable(value: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
