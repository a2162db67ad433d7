import type { ChainChange } from "@holdfast/netlink";
import { rulesDigest } from "./policy-script.ts";

/** Changes that belong into one transaction. */
export interface Step {
  readonly changes: readonly ChainChange[];
  /** The kernel has them. */
  done(): void;
}

/** Changes of one transaction: more would keep everybody else waiting. */
const AT_ONCE = 1000;

/** A chain with its rules, in place of those that it has. The first rule of one that is not named by its rules says what they are, for the next run. */
export function chainStep(chain: string, rules: readonly string[], isThere: boolean, done: () => void): Step {
  const comment = rulesDigest(chain, rules);
  return {
    changes: [
      { kind: isThere ? "flush-chain" : "create-chain", chain },
      ...rules.map((rule, index): ChainChange => {
        const base = { kind: "append-rule", chain, rule } as const;
        return index > 0 || comment === undefined ? base : { ...base, comment };
      }),
    ],
    done,
  };
}

/** All of them lead nowhere before the first one goes: they lead to each other. */
export function removalSteps(
  { chains, counters }: { readonly chains: readonly string[]; readonly counters: readonly string[] },
  { emptied, gone }: { readonly emptied: (chain: string) => void; readonly gone: (name: string) => void },
): Step[] {
  return [
    ...chains.map((chain): Step => ({ changes: [{ kind: "flush-chain", chain }], done: () => emptied(chain) })),
    ...chains.map((chain): Step => ({ changes: [{ kind: "delete-chain", chain }], done: () => gone(chain) })),
    ...counters.map((counter): Step => ({ changes: [{ kind: "delete-counter", counter }], done: () => gone(counter) })),
  ];
}

/** In order, as many at once as are not too many; others have their turn in between. */
export async function inTransactions(
  steps: readonly Step[],
  write: (changes: readonly ChainChange[]) => void,
): Promise<void> {
  let open: Step[] = [];
  let size = 0;
  const commit = (): void => {
    write(open.flatMap(({ changes }) => changes));
    for (const { done } of open) done();
  };
  for (const step of steps) {
    if (size > 0 && size + step.changes.length > AT_ONCE) {
      commit();
      [open, size] = [[], 0];
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    open.push(step);
    size += step.changes.length;
  }
  commit();
}
