import type { Claim, Endpoint, LedgerEntry } from "@holdfast/model";
import type { ChangeBatch } from "@holdfast/store";
import { readLedgerEntry } from "../../packages/controller/src/ledger/ledger.ts";
import { OPTIONS } from "./controller-process.ts";
import { OUTSIDE } from "./machine.ts";
import type { World } from "./world.ts";

/** What must never be, whatever happens. @throws Error that says what is. */
export class Invariants {
  readonly #world: World;
  /** Endpoints that were ended while they may have been on the wire, for a reason that is one: their nodes may not know it yet. */
  readonly #lost = new Set<string>();
  /** Whose each endpoint is, or was. */
  readonly #identities = new Map<string, string>();
  readonly #found: string[] = [];

  constructor(world: World) {
    this.#world = world;
    world.store.onCommit = (batch, by) => this.#afterCommit(batch, by);
  }

  /** After every step. */
  check(): void {
    this.#checkWire();
    const [first] = this.#found;
    if (first !== undefined) throw new Error(first);
  }

  /** No address is on the wire twice, but for the time until a node hears that it has lost an endpoint. */
  #checkWire(): void {
    const holders = new Map<string, { readonly endpoint: string; readonly epoch: number }>();
    for (const machine of this.#world.machines) {
      for (const { address, endpoint, epoch } of machine.onWire()) {
        if (this.#world.operator.probed && OUTSIDE.some((one) => one === address))
          this.#found.push(`${address}, which a machine outside has, is on the wire of ${endpoint} on ${machine.name}`);
        const other = holders.get(address);
        holders.set(address, { endpoint, epoch });
        if (other === undefined || this.#isLost(endpoint) || this.#isLost(other.endpoint)) continue;
        this.#found.push(`${address} is on the wire of ${other.endpoint} and of ${endpoint} on ${machine.name}`);
      }
    }
  }

  /** A node that has not heard that it has lost an endpoint may even start its container again (decision 0003). */
  #isLost(endpoint: string): boolean {
    if (this.#lost.has(endpoint)) return true;
    const records = this.#world.machines.flatMap(({ disk }) => disk.entries.get(`endpoint/${endpoint}`) ?? []);
    const former = records.flatMap(({ value }) => {
      const { replaces, replacesAlso = [] } = JSON.parse(value) as { replaces?: string; replacesAlso?: string[] };
      return replaces === undefined ? replacesAlso : [replaces, ...replacesAlso];
    });
    return former.some((one) => this.#lost.has(one));
  }

  #afterCommit({ revision, changes }: ChangeBatch, by: string): void {
    for (const change of changes) {
      const key = change.kind === "put" ? change.entry.key : change.key;
      const [collection, id = ""] = key.split("/");
      if (collection !== "endpoints") continue;
      if (change.kind === "put") this.#identities.set(id, (JSON.parse(change.entry.value) as Endpoint).identity);
      else this.#checkEnd(id, `commit ${revision} of ${by}`);
    }
    this.#checkBook(`after commit ${revision} of ${by}`);
  }

  /** Nothing live is ended, unless somebody wants it by force, or its node was silent. */
  #checkEnd(endpoint: string, when: string): void {
    const { operator, scheduler, machines } = this.#world;
    const identity = this.#identities.get(endpoint) ?? "";
    const machine = machines.find(({ name }) => endpoint.startsWith(`e-${name.replace("h", "")}`));
    const silence = scheduler.time - (machine?.lastServed ?? 0);
    if (operator.forced.has(endpoint) || operator.forced.has(identity)) this.#lost.add(endpoint);
    if (silence >= OPTIONS.nodeTimeout) this.#lost.add(endpoint);
    if (this.#lost.has(endpoint) || machine?.driver.attached.has(endpoint) !== true) return;
    this.#found.push(
      `${endpoint} is on the wire of ${machine.name}, heard of ${silence} ms ago, and was ended by ${when}`,
    );
  }

  /** Claims, their addresses and their endpoints agree in every revision. */
  #checkBook(when: string): void {
    const { store, operator } = this.#world;
    const claims = store.under("claims/").map(({ value }) => JSON.parse(value) as Claim);
    const endpoints = store.under("endpoints/").map(({ value }) => JSON.parse(value) as Endpoint);
    const addresses = new Map(store.under("addresses/").map(({ key, value }) => [key, JSON.parse(value).identity]));
    const wrong = (what: string): void => void this.#found.push(`${what}, ${when}`);
    let count = 0;
    for (const { tenant, network, identity, addresses: own, binding, epoch } of claims) {
      for (const address of own) {
        count++;
        const owner = addresses.get(`addresses/${tenant}/${network}/${address}`);
        if (owner !== identity) wrong(`${address} of ${identity} belongs to ${owner}`);
      }
      const serving = endpoints.filter((endpoint) => endpoint.identity === identity);
      if (serving.map(({ id }) => id).join() !== (binding?.endpoint ?? "")) wrong(`${identity} is served by others`);
      if (serving.some((one) => one.epoch !== epoch || one.node !== binding?.node)) wrong(`${identity}: epochs differ`);
    }
    if (count !== addresses.size) wrong(`${addresses.size} addresses are taken, and ${count} belong to claims`);
    if (endpoints.some(({ identity }) => claims.every((claim) => claim.identity !== identity)))
      wrong("an endpoint has no claim");
    for (const [identity, { addresses: own }] of operator.claimed) {
      const present = claims.find((claim) => claim.identity === identity);
      if (present?.addresses.join() !== own.join()) wrong(`the claim ${identity} of ${own.join()} was acknowledged`);
    }
  }
}

/** What differs between the book, the ledger, the pools, the machines' books and the wire; nothing, when everything has come to rest. */
export function differences(world: World): readonly string[] {
  const { store, controllers, machines, operator } = world;
  const claims = store.under("claims/").map(({ value }) => JSON.parse(value) as Claim);
  const endpoints = store.under("endpoints/").map(({ value }) => JSON.parse(value) as Endpoint);
  const found: string[] = [];
  for (const { name, driver, disk, agent } of machines) {
    if (agent === undefined) found.push(`${name} is not up`);
    const local = [...disk.entries.values()].filter(({ key }) => key.startsWith("endpoint/"));
    const here = local.map(({ value }) => JSON.parse(value) as { readonly id: string; readonly phase: string });
    const said = endpoints.filter(({ node }) => node === name);
    const text = (list: readonly { readonly id: string; readonly phase: string }[]) =>
      list
        .map(({ id, phase }) => `${id} ${phase}`)
        .toSorted()
        .join();
    if (text(here) !== text(said)) found.push(`${name} has ${text(here)}, the controller ${text(said)}`);
    const wired = here.filter(({ phase }) => phase === "binding" || phase === "wired" || phase === "active");
    const carried = [...driver.attached.keys()].toSorted().join();
    if (
      wired
        .map(({ id }) => id)
        .toSorted()
        .join() !== carried
    )
      found.push(`${name} carries ${carried}, not ${text(wired)}`);
  }
  for (const { identity, binding, retention, expiresAt } of claims) {
    if (binding === undefined && retention.kind === "ephemeral" && expiresAt === undefined)
      found.push(`${identity} was not released`);
  }
  for (const controller of controllers) found.push(...memoryOf(world, controller));
  found.push(...ledgerOf(world, claims));
  if (operator.claimed.size > claims.length) found.push("claims are lost");
  return found;
}

/** What a controller has in memory, pools included, against the store. */
function memoryOf({ store }: World, { name, engine, broken }: World["controllers"][number]): string[] {
  if (engine === undefined || broken !== undefined) return [`${name} is not up: ${broken}`];
  const { state, pools } = engine.platform;
  const found: string[] = [];
  if (state.revision !== store.revision) found.push(`${name} is at ${state.revision}, the store at ${store.revision}`);
  for (const network of [...state.networks.values()].flatMap((ofTenant) => [...ofTenant.values()])) {
    const prefix = `${network.tenant}/${network.name}/`;
    const used = store.under(`addresses/${prefix}`).length;
    const cooling = store.under(`cooling/${prefix}`).length;
    const usage = pools.utilisation(network);
    const inUse = usage.reduce((sum, one) => sum + one.used, 0);
    if (inUse !== used) found.push(`${name} counts ${inUse} addresses as used, the store ${used}`);
    const resting = usage.reduce((sum, one) => sum + one.cooling, 0);
    const apart = store.under(`quarantine/${prefix}`).map(({ key }) => key.slice(key.lastIndexOf("/") + 1));
    const known = [...network.quarantine.keys()];
    if (known.toSorted().join() !== apart.toSorted().join())
      found.push(`${name} has ${known.join()} in quarantine, the store ${apart.join()}`);
    const given = known.filter((address) => !["set-aside", "used"].includes(pools.stateOf(network, address)));
    if (given.length > 0) found.push(`${name} would give ${given.join()}, in quarantine`);
    if (resting !== cooling) found.push(`${name} counts ${resting} addresses as cooling, the store ${cooling}`);
  }
  return found;
}

/** Events after which nobody has the address. */
const ENDS = new Set<LedgerEntry["event"]>(["released", "expired", "reclaimed", "cooled", "cleared"]);

/** The last event of every address against who has it. */
function ledgerOf({ store }: World, claims: readonly Claim[]): string[] {
  const last = new Map<string, LedgerEntry>();
  // The keys of one commit come newest first.
  for (const entry of store.under("ledger/").map(readLedgerEntry)) {
    if (entry.revision > (last.get(entry.address)?.revision ?? 0)) last.set(entry.address, entry);
  }
  const owner = new Map(claims.flatMap((claim) => claim.addresses.map((address) => [address as string, claim])));
  const apart = new Set(store.under("quarantine/").map(({ key }) => key.slice(key.lastIndexOf("/") + 1)));
  return [...last].flatMap(([address, { event, identity }]) => {
    const claim = owner.get(address);
    if (apart.has(address) !== (event === "quarantined"))
      return [`${address} is ${apart.has(address) ? "" : "not "}in quarantine, and was ${event} last`];
    if (event === "quarantined") return claim?.binding === undefined ? [] : [`${address} is bound in quarantine`];
    if (event === "cleared" && claim?.binding === undefined) return [];
    if (claim === undefined) return ENDS.has(event) ? [] : [`${address} is free, and was ${event} last`];
    if (ENDS.has(event) || identity !== claim.identity)
      return [`${address} belongs to ${claim.identity}: ${identity} ${event} it`];
    const bound = claim.binding !== undefined;
    if (event === "moved" || (event === "bound") === bound) return [];
    return [`${address} is ${bound ? "" : "not "}bound, and was ${event} last`];
  });
}
