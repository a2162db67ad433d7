import { Cidr } from "@holdfast/core";
import type { Netfilter, TableChange } from "@holdfast/netlink";
import type { Program } from "@holdfast/policy";
import { beforeEach, describe, expect, test } from "vitest";
import { from, program, rule, tcp } from "../../../testing/policy-parties.ts";
import { PolicyStructure } from "./policy-structure.ts";
import { programChains } from "./program-chains.ts";

describe("chains of programs in the kernel", () => {
  const signal = new AbortController().signal;
  const transactions: TableChange[][] = [];
  let refuses: (changes: readonly TableChange[]) => boolean = () => false;
  let structure: PolicyStructure;

  beforeEach(() => {
    transactions.length = 0;
    refuses = () => false;
    const change = (_table: string, changes: readonly TableChange[]): void => {
      if (refuses(changes)) throw new TypeError("refused");
      transactions.push([...changes]);
    };
    structure = new PolicyStructure({ change } as Partial<Netfilter> as Netfilter, new Map(), []);
  });

  const chainsOf = (version: Program) => programChains(version, "enforced");
  const isEntry = (change: TableChange) => "chain" in change && change.chain.startsWith("enforced/");

  test("an edit of one rule of a thousand is a few changes in one transaction", async () => {
    const [before, after] = [chainsOf(withRules(1000, 0)), chainsOf(withRules(1000, 1))];
    await structure.replace([before], [], signal);
    transactions.length = 0;
    await structure.replace([after], [before], signal);
    expect(transactions.length).toBe(1);
    expect(transactions[0]?.length).toBeLessThan(40);
  });

  test("entries are written in one transaction, behind all that they lead to, and before what nobody needs any more goes", async () => {
    const versions = [0, 1].map((version) => [
      chainsOf(withRules(400, version, "a")),
      chainsOf(withRules(400, version, "b")),
    ]);
    await structure.replace(versions[0] ?? [], [], signal);
    transactions.length = 0;
    await structure.replace(versions[1] ?? [], versions[0] ?? [], signal);
    const flat = transactions.flat();
    expect(transactions.filter((changes) => changes.some(isEntry)).length).toBe(1);
    const lastMade = flat.findLastIndex((change) => change.kind === "create-chain");
    const firstGone = flat.findIndex((change) => change.kind === "delete-chain");
    expect(lastMade).toBeLessThan(flat.findIndex(isEntry));
    expect(flat.findLastIndex(isEntry)).toBeLessThan(firstGone);
  });

  test("what was brought in vain is taken away again, and can be brought later", async () => {
    const chains = chainsOf(withRules(1000, 0));
    refuses = (changes) => changes.some(isEntry);
    await expect(structure.replace([chains], [], signal)).rejects.toThrow("refused");
    const count = (kind: TableChange["kind"]) => transactions.flat().filter((change) => change.kind === kind).length;
    expect(count("create-chain")).toBeGreaterThan(1000);
    expect(count("delete-chain")).toBe(count("create-chain"));
    expect(count("delete-counter")).toBe(count("create-counter"));
    refuses = () => false;
    transactions.length = 0;
    await structure.replace([chains], [], signal);
    expect(count("create-chain")).toBe(chains.chains.size);
  });
});

function withRules(count: number, version: number, name = "x"): Program {
  const rules = Array.from({ length: count }, (_, index) => {
    const remote = from(
      Cidr.parse(`10.99.${index >> 8}.${index & 255}/32`),
      ...(index === 0 ? [`10.98.0.${version}/32`] : []),
    );
    return rule(`rule/${name}/${index}`, "deny", { remote, services: [tcp(1000 + index)] });
  });
  return program(`default/${name}`, { ingress: { main: [rules] } });
}
