import type { TableDefinition } from "../../../reconcile/operations.ts";

/** What of policies others have taken away comes back. Its one row is the name of the table that has them. */
export function policyTable(policy: { restore(signal: AbortSignal): Promise<void> }): TableDefinition<string> {
  return {
    name: "policy",
    key: (name) => name,
    same: () => true,
    operations: {
      update: (_, signal) => policy.restore(signal),
      async remove() {},
      async prune() {},
    },
  };
}
