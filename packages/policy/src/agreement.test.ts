import { describe, expect, test } from "vitest";
import { PolicyCompiler, type Stale } from "./compiler.ts";
import { evaluateEnd } from "./evaluate.ts";
import { NodePolicy } from "./node-policy.ts";
import { PolicyBook } from "./policy-book.ts";
import type { PolicyChange } from "./rule-program.ts";
import { type Chance, createChance } from "./testing/chance.ts";
import { PlainPath } from "./testing/plain-path.ts";
import { PlainWorld } from "./testing/plain-world.ts";
import {
  randomEntries,
  randomGroup,
  randomLabels,
  randomMember,
  randomNetwork,
  randomPacket,
  randomPolicy,
  randomSetName,
  randomTenant,
  TENANTS,
} from "./testing/random-world.ts";
import type { Member } from "./world.ts";

/** What policies mean, and what is compiled of them, told the same things in the same order. */
class Pair {
  readonly world = new PlainWorld();
  readonly compiler = new PolicyCompiler(this.world);
  readonly node = new NodePolicy(this.compiler);
  readonly here = new Map<string, Member>();
  readonly policies = new PolicyBook();
  readonly path = new PlainPath();
  readonly chance: Chance;

  constructor(seed: number) {
    this.chance = createChance(seed);
    for (const name of TENANTS) {
      this.world.tenantList.push({ name, sharedWith: [] });
      this.compiler.setTenant({ name, sharedWith: [] });
    }
  }

  change(): void {
    const steps = [
      () => this.#changeNetwork(),
      () => this.#changeMember(),
      () => this.#changeMember(),
      () => this.#changeMember(),
      () => this.#changeGroup(),
      () => this.#changePolicy(),
      () => this.#changePolicy(),
      () => this.#changeEntries(),
      () => this.#changeTenant(),
    ];
    this.chance.pick(steps)();
  }

  #changeTenant(): void {
    const tenant = randomTenant(this.chance, this.chance.pick(TENANTS));
    replace(this.world.tenantList, tenant, ({ name }) => name === tenant.name);
    this.compiler.setTenant(tenant);
  }

  #changeNetwork(): void {
    const network = randomNetwork(this.chance, this.chance.number(TENANTS.length), this.chance.number(3));
    const there = this.world.network(network.tenant, network.name);
    const changed = there === undefined ? network : { ...there, policyDefaults: network.policyDefaults };
    replace(this.world.networkList, changed, (one) => one === there);
    this.compiler.setNetwork(changed);
  }

  #changeMember(): void {
    if (this.world.networkList.length === 0) return;
    const { chance, world } = this;
    if (chance.oneIn(2) || world.memberList.length === 0) {
      const member = randomMember(chance, world, chance.pick(world.networkList));
      if (member === undefined) return;
      world.memberList.push(member);
      this.compiler.changeMember(undefined, member);
      return;
    }
    const before = chance.pick(world.memberList);
    const after = chance.oneIn(3) ? undefined : { ...before, labels: randomLabels(chance) };
    world.memberList.splice(world.memberList.indexOf(before), 1, ...(after === undefined ? [] : [after]));
    this.compiler.changeMember(before, after);
  }

  #changeGroup(): void {
    const group = randomGroup(this.chance, this.chance.pick(TENANTS));
    const isIt = (one: { tenant: string; name: string }) => one.tenant === group.tenant && one.name === group.name;
    if (this.chance.oneIn(5)) {
      this.world.groupList.splice(0, this.world.groupList.length, ...this.world.groupList.filter((one) => !isIt(one)));
      this.compiler.removeGroup(group.tenant, group.name);
    } else {
      replace(this.world.groupList, group, isIt);
      this.compiler.setGroup(group);
    }
  }

  #changePolicy(): void {
    const policy = randomPolicy(this.chance, this.chance.pick(TENANTS));
    const isIt = (one: { tenant: string; name: string }) => one.tenant === policy.tenant && one.name === policy.name;
    if (this.chance.oneIn(6)) {
      const kept = this.world.policyList.filter((one) => !isIt(one));
      this.world.policyList.splice(0, this.world.policyList.length, ...kept);
      this.compiler.removePolicy(policy.tenant, policy.name);
    } else {
      replace(this.world.policyList, policy, isIt);
      this.compiler.setPolicy(policy);
    }
  }

  #changeEntries(): void {
    const [tenant, set] = [this.chance.pick(TENANTS), randomSetName(this.chance)];
    const before = this.world.entries(tenant, set);
    const after = [...new Set(randomEntries(this.chance))];
    this.world.addressSets.set(`${tenant}/${set}`, after);
    const add = after.filter((prefix) => !before.includes(prefix));
    this.compiler.changeEntries(tenant, set, { add, remove: before.filter((prefix) => !after.includes(prefix)) });
  }

  put(member: Member): void {
    this.here.set(idOf(member), member);
    this.node.setEndpoint(idOf(member), member);
  }

  /** As controllers do after each change. */
  tell(): void {
    const change = this.compiler.take();
    this.node.follow(change);
    for (const [id, member] of this.here) {
      const now = this.world.memberList.find((one) => idOf(one) === id);
      if (now === undefined) {
        this.here.delete(id);
        this.node.removeEndpoint(id);
      } else if (now !== member || change.stale.some((stale) => isIn(stale, now))) this.put(now);
    }
    for (const member of this.world.memberList) {
      if (this.policies.policyOf(idOf(member)) === undefined) this.put(member);
    }
    const news = this.node.take();
    if (news !== undefined) this.path.apply(this.policies.apply(structuredClone(news)));
    for (const { endpoint } of this.policies.everything().endpoints) {
      const isHere = this.world.memberList.some((member) => idOf(member) === endpoint);
      const left = isHere ? undefined : this.policies.forget(endpoint);
      if (left !== undefined) this.path.apply(left);
    }
  }

  /** Asks both ways about some packets. */
  compare(packets: number): void {
    const { chance, world } = this;
    if (world.memberList.length === 0) return;
    for (let count = 0; count < packets; count++) {
      const subject = chance.pick(world.memberList);
      const packet = randomPacket(chance, world, subject);
      for (const view of ["enforced", "staged"] as const) {
        const meant = evaluateEnd(world, { subject, packet, view });
        const decided = this.path.decide(idOf(subject), packet, view);
        const question = { subject, packet, view, meant };
        expect({ ...question, verdict: decided.verdict, rule: decided.rule.id }).toEqual({
          ...question,
          verdict: meant.verdict,
          rule: meant.rule,
        });
      }
    }
  }

  /** A node that is told everything at once has what this one has. */
  expectFresh(): void {
    const fresh = new NodePolicy(this.compiler);
    for (const member of this.world.memberList) fresh.setEndpoint(idOf(member), member);
    const news = fresh.take();
    const all = news === undefined ? new PolicyBook().everything() : new PolicyBook().apply(news);
    expect(sorted(this.policies.everything())).toEqual(sorted(all));
    fresh.close();
  }
}

function idOf({ tenant, network, identity }: Member): string {
  return `${tenant}.${network}.${identity}`;
}

function isIn(stale: Stale, member: Member): boolean {
  if (stale.tenant !== member.tenant) return false;
  if (stale.kind === "tenant") return stale.concerns(member);
  return stale.network === member.network && (stale.kind === "network" || stale.identity === member.identity);
}

function sorted({ sets, programs, endpoints }: PolicyChange) {
  const byKey = (key: string) => (a: object, b: object) =>
    JSON.stringify([a, key]) < JSON.stringify([b, key]) ? -1 : 1;
  return {
    sets: sets.map((set) => ({ ...set, members: [...set.members].sort() })).sort(byKey("id")),
    programs: [...programs].sort(byKey("id")),
    endpoints: [...endpoints].sort(byKey("endpoint")),
  };
}

function replace<T>(list: T[], item: T, isIt: (one: T) => boolean): void {
  const index = list.findIndex(isIt);
  if (index < 0) list.push(item);
  else list[index] = item;
}

const SEED = Number(process.env.HOLDFAST_SEED ?? 20_261_121);
const WORLDS = Number(process.env.HOLDFAST_WORLDS ?? 60);

describe("what policies mean and what is compiled of them", () => {
  test.each(Array.from({ length: WORLDS }, (_, index) => SEED + index))("agree in the world of seed %i", (seed) => {
    const pair = new Pair(seed);
    for (let step = 0; step < 60; step++) pair.change();
    for (let step = 0; step < 40; step++) {
      for (let more = pair.chance.number(4); more >= 0; more--) pair.change();
      pair.tell();
      pair.compare(20);
    }
    pair.expectFresh();
  });
});
