import { Cidr, type IpAddress } from "@holdfast/core";
import { decide } from "@holdfast/policy";
import { countedRules, createChance } from "@holdfast/policy/testing";
import { expect, test } from "vitest";
import { walkChains } from "../../../testing/nft-walk.ts";
import { REALM_SETS } from "../../../testing/policy-parties.ts";
import { randomPacket, randomProgram, randomSets } from "../../../testing/random-program.ts";
import { counterName, entryName } from "./names.ts";
import { programChains } from "./program-chains.ts";

const SEED = Number(process.env.HOLDFAST_SEED ?? 1);
const WORLDS = Number(process.env.HOLDFAST_WORLDS ?? 300);
const PACKETS = 40;

test.each(["enforced", "staged"] as const)("chains count and decide as their program says: %s", (mode) => {
  for (let seed = SEED; seed < SEED + WORLDS; seed++) {
    const chance = createChance(seed);
    const sets = new Map([...REALM_SETS, ...randomSets(chance)].map(({ id, members }) => [id, members]));
    const program = randomProgram(chance);
    const { chains } = programChains(program, mode);
    const contains = (id: string, address: IpAddress): boolean =>
      (sets.get(id) ?? []).some((member) => Cidr.contains(member, address));
    for (let count = 0; count < PACKETS; count++) {
      const packet = randomPacket(chance);
      const walked = walkChains(chains, entryName(mode, program.id, packet.direction), packet, contains);
      const allowed = mode === "staged" || decide(program, packet, contains).verdict === "allow";
      expect({ seed, packet, ...walked }).toEqual({
        seed,
        packet,
        verdict: allowed ? "accept" : "drop",
        counters: countedRules(program, packet, contains).map((rule) => counterName(program.id, rule)),
      });
    }
  }
});
