import { Cidr } from "@holdfast/core";
import type { Netfilter, TableChange } from "@holdfast/netlink";
import { describe, expect, test } from "vitest";
import { from, program, rule, tcp } from "../../../testing/policy-parties.ts";
import type { ProgramChains } from "./chain-book.ts";
import { PolicyStructure } from "./policy-structure.ts";
import { programChains } from "./program-chains.ts";

const ENTRY = "enforced/default/x/ingress";
const ever = new AbortController().signal;

describe("a change of chains that ends in the middle", () => {
  test.each([1, 2, 3, 4, 5, 6, 7])(
    "after transaction %i leaves what is in force whole, and the next try what it brings",
    async (end) => {
      const kernel = new KernelChains();
      const structure = new PolicyStructure(kernel.netfilter, new Map(), []);
      const [before, after] = [chainsOf(600, 0), chainsOf(600, 1)];
      await structure.replace([before], [], ever);
      await structure.replace([after], [before], kernel.endingAfter(end)).catch(() => undefined);
      expect(kernel.lacks(kernel.has(ENTRY, after) ? after : before)).toEqual([]);
      await structure.replace([after], [before], ever);
      expect(kernel.lacks(after)).toEqual([]);
    },
  );

  test("of a program that goes leaves none that is thought to be there", async () => {
    const kernel = new KernelChains();
    const structure = new PolicyStructure(kernel.netfilter, new Map(), []);
    const chains = chainsOf(1500, 0);
    await structure.replace([chains], [], ever);
    const dropped = structure.replace([], [chains], kernel.endingAfter(1));
    const isGone = await dropped.then(
      () => true,
      () => false,
    );
    await structure.replace([chains], isGone ? [] : [chains], ever);
    expect(kernel.lacks(chains)).toEqual([]);
  });
});

/** All of a transaction or nothing, and no chain goes that others lead to. */
class KernelChains {
  #chains = new Map<string, readonly string[]>();
  #heard: () => void = () => undefined;

  readonly netfilter = {
    change: (_table: string, changes: readonly TableChange[]) => {
      const next = new Map(this.#chains);
      for (const change of changes) if ("chain" in change) takeInto(next, change);
      for (const rules of next.values())
        for (const target of rules.flatMap(targetsOf)) if (!next.has(target)) throw new TypeError(`EBUSY ${target}`);
      this.#chains = next;
      this.#heard();
    },
  } as Partial<Netfilter> as Netfilter;

  /** A signal that is aborted with this transaction. */
  endingAfter(transactions: number): AbortSignal {
    const ending = new AbortController();
    let left = transactions;
    this.#heard = () => void (--left === 0 && ending.abort());
    return ending.signal;
  }

  has(name: string, { chains }: ProgramChains): boolean {
    return JSON.stringify(this.#chains.get(name)) === JSON.stringify(chains.get(name));
  }

  lacks(wanted: ProgramChains): readonly string[] {
    return [...wanted.chains.keys()].filter((name) => !this.has(name, wanted));
  }
}

function takeInto(chains: Map<string, readonly string[]>, change: TableChange & { readonly chain?: string }): void {
  const { kind, chain = "" } = change;
  if (kind === "create-chain" || kind === "flush-chain") chains.set(chain, []);
  if (kind === "append-rule") chains.set(chain, [...(chains.get(chain) ?? []), change.rule]);
  if (kind === "delete-chain") chains.delete(chain);
}

function targetsOf(rule: string): readonly string[] {
  return [...rule.matchAll(/(?:goto|jump) (\S+?)(?=[,\s]|$)/g)].map(([, target = ""]) => target);
}

function chainsOf(count: number, version: number): ProgramChains {
  const rules = Array.from({ length: count }, (_, index) => {
    const remote = from(...[99, 50 + version].map((net) => Cidr.parse(`10.${net}.${index >> 8}.${index & 255}/32`)));
    return rule(`rule/x/${version}/${index}`, "deny", { remote, services: [tcp(1000 + index)] });
  });
  return programChains(program("default/x", { ingress: { main: [rules] } }), "enforced");
}
