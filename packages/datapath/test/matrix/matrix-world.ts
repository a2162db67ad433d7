import { Cidr, Identity, IpAddress, Name } from "@holdfast/core";
import type { NetworkKind } from "@holdfast/model";
import {
  evaluateEnd,
  type Member,
  NO_NEWS,
  NodePolicy,
  type Packet,
  PolicyBook,
  type PolicyChange,
  PolicyCompiler,
  type PolicyNetwork,
} from "@holdfast/policy";
import { PlainWorld } from "@holdfast/policy/testing";
import { BLOCKED, type Ground, type MatrixCase, NETWORK, OTHER, OWN } from "./cases.ts";
import type { Probe } from "./prober.ts";

const GROUPS = ["a", "b", "c", "d", "e", "f"];
const TIERS = { a: "web", b: "web", c: "db", d: "db", e: "ops", f: "ops" } as Readonly<Record<string, string>>;

/** An endpoint of a group of a tenant. */
export interface Party {
  /** E.g. `"vlan-rival-c"`. */
  readonly id: string;
  readonly member: Member;
  readonly machine: 0 | 1;
  readonly addresses: readonly IpAddress[];
}

export interface MatrixTenant {
  readonly tenant: Name;
  readonly kind: NetworkKind;
  /** One of each family. */
  readonly prefixes: readonly [Cidr, Cidr];
  /** Number of the first group's address. Default 0. */
  readonly first?: number;
}

/** Six groups of each of two tenants on two machines: what policies mean for them, and what a controller would tell the machines. */
export class MatrixWorld {
  readonly parties: readonly Party[];
  readonly ground: Ground;
  /** Tenants in overlays: no way leads from one to another, whatever policies say. */
  readonly #enclosed: ReadonlySet<Name>;
  readonly #world = new PlainWorld();
  readonly #compiler = new PolicyCompiler(this.#world);
  readonly #machines = [0, 1].map(() => ({ node: new NodePolicy(this.#compiler), book: new PolicyBook() }));

  constructor(tenants: readonly MatrixTenant[]) {
    this.parties = tenants.flatMap(partiesOf);
    this.#enclosed = new Set(tenants.flatMap(({ tenant, kind }) => (kind === "vxlan" ? tenant : [])));
    const [own] = tenants;
    if (own === undefined) throw new TypeError("no tenant");
    const hosts = (number: number) =>
      own.prefixes.map((prefix) => hostIn(prefix, number)) as unknown as readonly [Cidr, Cidr];
    this.ground = { v4: own.prefixes[0], v6: own.prefixes[1], hosts };
    this.#setDefaults("allow");
    for (const { tenant, kind, prefixes } of tenants) {
      const network: PolicyNetwork = { tenant, name: NETWORK, kind, prefixes };
      this.#world.networkList.push(network);
      this.#compiler.setNetwork(network);
      for (const name of GROUPS) {
        const sharedWith = name === "a" ? [OWN, OTHER] : [];
        const group = { tenant, name: Name.parse(name), selector: { matchLabels: { app: name } }, sharedWith };
        this.#world.groupList.push(group);
        this.#compiler.setGroup(group);
      }
    }
    for (const { member } of this.parties) {
      this.#world.memberList.push(member);
      this.#compiler.changeMember(undefined, member);
    }
    const blocked = [...hosts(2), ...hosts(3)];
    this.#world.addressSets.set(`${OWN}/${BLOCKED}`, blocked);
    this.#compiler.changeEntries(OWN, BLOCKED, { add: blocked, remove: [] });
  }

  /** These policies in the place of others. Gives what each machine is told. */
  set({ policies }: MatrixCase, verdict: "allow" | "deny"): readonly PolicyChange[] {
    for (const { tenant, name } of this.#world.policyList.splice(0)) this.#compiler.removePolicy(tenant, name);
    for (const policy of policies) {
      this.#world.policyList.push(policy);
      this.#compiler.setPolicy(policy);
    }
    this.#setDefaults(verdict);
    const change = this.#compiler.take();
    return this.#machines.map(({ node, book }, index) => {
      node.follow(change);
      for (const { id, member, machine } of this.parties) if (machine === index) node.setEndpoint(id, member);
      const news = node.take();
      return book.apply(news === undefined ? NO_NEWS : structuredClone(news));
    });
  }

  programOf({ id, machine }: Party): string {
    const program = this.#machines[machine]?.book.policyOf(id)?.program;
    if (program === undefined) throw new TypeError(`${id} has no program`);
    return program;
  }

  /** Whether somebody of the own tenant has an address of another one's, too. */
  hasTwin(from: Party, to: Party, address: IpAddress): boolean {
    const { tenant } = from.member;
    if (to.member.tenant === tenant) return false;
    return this.parties.some(({ member, addresses }) => member.tenant === tenant && addresses.includes(address));
  }

  /** What policies mean for a probe, by what they say. */
  allows(from: Party, to: Party, { protocol, to: target, port }: Probe): boolean {
    if (from.member.tenant !== to.member.tenant && this.#enclosed.has(to.member.tenant)) return false;
    const v6 = target.includes(":");
    const rest =
      protocol === "icmp"
        ? { protocol: v6 ? 58 : 1, icmp: { type: v6 ? 128 : 8, code: 0 } }
        : { protocol: protocol === "tcp" ? 6 : 17, sourcePort: 50_000, destinationPort: port };
    const ask = (subject: Member, packet: Packet) =>
      evaluateEnd(this.#world, { subject, packet, view: "enforced" }).verdict === "allow";
    const [source, destination] = [from, to].map(({ addresses }) => addresses[v6 ? 1 : 0]);
    if (source === undefined || destination === undefined) throw new TypeError("both have both families");
    return (
      ask(from.member, { direction: "egress", remote: destination, ...rest }) &&
      ask(to.member, { direction: "ingress", remote: source, ...rest })
    );
  }

  #setDefaults(verdict: "allow" | "deny"): void {
    for (const name of [OWN, OTHER]) {
      const tenant = { name, sharedWith: [], policyDefaults: { ingress: verdict, egress: verdict } };
      const index = this.#world.tenantList.findIndex((each) => each.name === name);
      this.#world.tenantList.splice(Math.max(index, 0), index < 0 ? 0 : 1, tenant);
      this.#compiler.setTenant(tenant);
    }
  }
}

function partiesOf({ tenant, kind, prefixes, first = 0 }: MatrixTenant): readonly Party[] {
  return GROUPS.map((name, index): Party => {
    const addresses = prefixes.map((prefix) => Cidr.first(hostIn(prefix, first + index)));
    const labels = {
      app: name,
      tier: TIERS[name] ?? "",
      env: index % 2 === 0 ? "prod" : "test",
      ...(index % 2 === 0 ? {} : { odd: "yes" }),
    };
    const identity = Identity.parse(`${name}-0`);
    return {
      id: `${kind}-${tenant}-${name}`,
      member: { tenant, network: NETWORK, identity, labels, addresses },
      machine: index < 3 ? 0 : 1,
      addresses,
    };
  });
}

/** The first two numbers are the network's own and a gateway's. */
function hostIn(prefix: Cidr, number: number): Cidr {
  const first = IpAddress.toBigInt(Cidr.first(prefix));
  return Cidr.host(IpAddress.fromBigInt(Cidr.family(prefix), first + BigInt(number) + 10n));
}
