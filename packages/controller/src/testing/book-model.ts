/**
 * The address book as its rules say it (DESIGN.md, "Rules of binding"; model/node-work.ts), in plain maps and without regard for anything but
 * the result. Times are milliseconds since the beginning.
 */

export type Retention =
  | { readonly kind: "ephemeral" | "reserved" }
  | { readonly kind: "sticky"; readonly ttlSeconds: number };

interface Claim {
  readonly addresses: readonly string[];
  readonly retention: Retention;
  readonly epoch: number;
  /** Id of the endpoint that serves it. */
  readonly endpoint?: string | undefined;
  readonly heldFor?: string | undefined;
  readonly expiresAt?: number | undefined;
}

interface Endpoint {
  readonly node: string;
  readonly identity: string;
  readonly epoch: number;
  readonly phase: string;
}

interface Rest {
  readonly until: number;
  readonly identity: string;
  readonly node?: string | undefined;
}

/** What the book answers: a refusal's code or a report's outcome, `"done"`, or addresses of which it may choose. */
export type Answer = string | { readonly anyOf: readonly (readonly string[])[] };

/** A node's wish for an endpoint. */
export interface Wish {
  readonly identity?: string | undefined;
  readonly identityIsHint?: boolean | undefined;
  readonly address?: string | undefined;
  /** Of a claim that is made for the identity. */
  readonly retention?: Retention | undefined;
}

export const NODES = ["h1", "h2", "h3"] as const;
/** Of subnets 10.20.0.0/28 and fd00:20::/125, without their gateways and what names the network. */
export const FREE_V4 = Array.from({ length: 13 }, (_, index) => `10.20.0.${index + 2}`);
export const FREE_V6 = Array.from({ length: 6 }, (_, index) => `fd00:20::${index + 2}`);
export const GATEWAY = "10.20.0.1";
export const OUTSIDE = "10.20.0.15";

export const COOLDOWN = 60_000;
export const NODE_TIMEOUT = 60_000;
export const RESERVATION_TIMEOUT = 300_000;

const NEXT: Readonly<Record<string, readonly string[]>> = {
  reserved: ["binding", "released", "failed"],
  binding: ["wired", "detaching", "failed"],
  wired: ["active", "detaching", "failed"],
  active: ["detaching", "failed"],
  detaching: ["detached", "failed"],
  detached: ["released"],
  released: [],
  failed: ["detaching", "released"],
};

export class BookModel {
  now = 0;
  #started = 0;
  #claims = new Map<string, Claim>();
  #endpoints = new Map<string, Endpoint>();
  #resting = new Map<string, Rest>();
  /** By `node/endpoint`. */
  #superseded = new Set<string>();
  #heard = new Map<string, number>();
  /** Nodes of which the present controller has written that they are alive; the others' lives another one may know better. */
  #written = new Set<string>();

  copy(): BookModel {
    const copy = new BookModel();
    copy.now = this.now;
    copy.#started = this.#started;
    copy.#claims = new Map(this.#claims);
    copy.#endpoints = new Map(this.#endpoints);
    copy.#resting = new Map(this.#resting);
    copy.#superseded = new Set(this.#superseded);
    copy.#heard = new Map(this.#heard);
    copy.#written = new Set(this.#written);
    return copy;
  }

  restart(): void {
    this.#started = this.now;
    this.#heard.clear();
    this.#written.clear();
  }

  hear(node: string): Answer {
    this.#heard.set(node, this.now);
    this.#written.add(node);
    return "done";
  }

  epochOf(endpoint: string): number | undefined {
    return this.#endpoints.get(endpoint)?.epoch;
  }

  nodeOf(endpoint: string): string | undefined {
    return this.#endpoints.get(endpoint)?.node;
  }

  /** Time goes on at once, and what has run out ends. */
  advance(milliseconds: number): void {
    this.now += milliseconds;
    for (const [identity, { expiresAt, endpoint }] of this.#claims) {
      if (expiresAt !== undefined && expiresAt <= this.now && endpoint === undefined) this.#drop(identity, undefined);
    }
    for (const [address, { until }] of this.#resting) if (until <= this.now) this.#resting.delete(address);
  }

  claim(identity: string, wanted: readonly string[] | undefined, retention: Retention): Answer {
    const answer = this.#takeable(identity, wanted, undefined);
    if (typeof answer === "string") return answer;
    const expiresAt = retention.kind === "ephemeral" ? this.now + RESERVATION_TIMEOUT : undefined;
    this.#claims.set(identity, { addresses: [], retention, epoch: 0, expiresAt });
    return answer;
  }

  /** Tells which addresses the book has chosen for a claim that was just made. */
  chosen(identity: string, addresses: readonly string[]): void {
    const claim = this.#claims.get(identity);
    if (claim === undefined) return;
    this.#claims.set(identity, { ...claim, addresses });
    for (const address of addresses) this.#resting.delete(address);
  }

  release(identity: string): Answer {
    const claim = this.#claims.get(identity);
    if (claim === undefined) return "not_found";
    if (claim.endpoint !== undefined) return "claim_bound";
    this.#drop(identity, undefined);
    return "done";
  }

  keep(identity: string, retention: Retention): Answer {
    const claim = this.#claims.get(identity);
    if (claim === undefined) return "not_found";
    const unbound = claim.endpoint === undefined;
    const sticky = retention.kind === "sticky" && claim.epoch > 0 ? this.now + retention.ttlSeconds * 1000 : undefined;
    const end = retention.kind === "ephemeral" ? this.now + RESERVATION_TIMEOUT : sticky;
    this.#claims.set(identity, { ...claim, retention, expiresAt: unbound ? end : undefined });
    return "done";
  }

  move(identity: string, node: string | undefined, force: boolean): Answer {
    const claim = this.#claims.get(identity);
    if (claim === undefined) return "not_found";
    const endpoint = claim.endpoint === undefined ? undefined : this.#endpoints.get(claim.endpoint);
    if (endpoint === undefined) {
      this.#claims.set(identity, { ...claim, heldFor: node });
      return "done";
    }
    if (endpoint.node === node) return "done";
    if (!force && !this.#isSilent(endpoint.node)) return "claim_bound";
    this.#supersede(claim.endpoint ?? "");
    const ephemeral = claim.retention.kind === "ephemeral" ? this.now + RESERVATION_TIMEOUT : undefined;
    const unbound = this.#unbound(claim);
    this.#claims.set(identity, { ...unbound, heldFor: node, expiresAt: ephemeral ?? unbound.expiresAt });
    return "done";
  }

  cutOff(id: string): Answer {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) return "not_found";
    this.#supersede(id);
    this.#letGo(endpoint);
    return "done";
  }

  /** All nodes have said twice that they do not have these endpoints, nor any that they have lost. */
  collect(missing: readonly string[]): void {
    this.#superseded.clear();
    for (const id of missing) this.cutOff(id);
  }

  /** The identity of the claim that the endpoint then has, and the addresses when they are the book's choice. */
  reserve(node: string, id: string, wish: Wish): { readonly answer: Answer; readonly identity: string } {
    const present = this.#endpoints.get(id);
    if (present !== undefined) return { answer: this.#again(present, node, wish), identity: present.identity };
    const named = wish.retention === undefined ? undefined : wish.identity;
    const fresh = named ?? `ephemeral/${id}`;
    if (this.#superseded.has(`${node}/${id}`)) return { answer: "conflict", identity: fresh };
    const found = this.#wanted(wish);
    if (found.refusal !== undefined) return { answer: found.refusal, identity: fresh };
    if (found.identity !== undefined) {
      const answer = this.#vacate(found.identity, node);
      if (answer === "done") this.#bind(found.identity, node, id);
      return { answer, identity: found.identity };
    }
    const answer = this.#takeable(fresh, wish.address === undefined ? undefined : [wish.address], node);
    if (typeof answer !== "string") {
      const retention = named === undefined ? undefined : wish.retention;
      this.#claims.set(fresh, { addresses: [], retention: retention ?? { kind: "ephemeral" }, epoch: 0 });
      this.#bind(fresh, node, id);
    }
    return { answer, identity: fresh };
  }

  report(node: string, id: string, epoch: number, phases: readonly string[]): Answer {
    const endpoint = this.#endpoints.get(id);
    const released = phases.at(-1) === "released";
    if (endpoint === undefined) {
      const lost = this.#superseded.has(`${node}/${id}`);
      if (lost && released) this.#superseded.delete(`${node}/${id}`);
      return lost ? "superseded" : released ? "done" : "unknown";
    }
    if (endpoint.node !== node || epoch > endpoint.epoch) return "refused";
    if (epoch < endpoint.epoch) return "superseded";
    let { phase } = endpoint;
    for (const next of phases) {
      if (next !== phase && NEXT[phase]?.includes(next) !== true) return "refused";
      phase = next;
    }
    this.#endpoints.set(id, { ...endpoint, phase });
    if (phase !== "released") return "done";
    this.#endpoints.delete(id);
    this.#letGo(endpoint);
    return "done";
  }

  /** Everything, as lines to compare. */
  get lines(): string[] {
    const claims = [...this.#claims].map(([identity, { addresses, retention, epoch, endpoint, heldFor, expiresAt }]) =>
      ["claim", identity, addresses.join(), retention.kind, epoch, endpoint, heldFor, expiresAt].join(" "),
    );
    const endpoints = [...this.#endpoints].map(([id, { node, identity, epoch, phase }]) =>
      ["endpoint", id, node, identity, epoch, phase].join(" "),
    );
    const resting = [...this.#resting].map(([address, { until, identity, node }]) =>
      ["rests", address, until, identity, node].join(" "),
    );
    return [...claims, ...endpoints, ...resting, ...[...this.#superseded].map((key) => `lost ${key}`)].sort();
  }

  #ownerOf(address: string): string | undefined {
    for (const [identity, { addresses }] of this.#claims) if (addresses.includes(address)) return identity;
    return undefined;
  }

  #takeable(identity: string, wanted: readonly string[] | undefined, node: string | undefined): Answer {
    if (this.#claims.has(identity)) return "already_exists";
    if (wanted === undefined) {
      const families = [FREE_V4, FREE_V6].map((family) => this.#choices(identity, family));
      return families.some((choices) => choices.length === 0) ? "pool_exhausted" : { anyOf: families };
    }
    for (const address of wanted) {
      const rest = this.#resting.get(address);
      const former = rest?.identity === identity || (rest?.node !== undefined && rest.node === node);
      if (this.#ownerOf(address) !== undefined || (rest !== undefined && !former)) return "address_in_use";
      if (address === GATEWAY) return "address_in_use";
      if (!FREE_V4.includes(address) && !FREE_V6.includes(address)) return "address_out_of_range";
    }
    return { anyOf: wanted.map((address) => [address]) };
  }

  /** What the identity had a moment ago, or anything that nobody has. */
  #choices(identity: string, family: readonly string[]): readonly string[] {
    const former = family.filter((address) => this.#resting.get(address)?.identity === identity);
    if (former.length > 0) return former;
    return family.filter((address) => !this.#resting.has(address) && this.#ownerOf(address) === undefined);
  }

  #again(present: Endpoint, node: string, { identity, identityIsHint = false, address }: Wish): Answer {
    const addresses = this.#claims.get(present.identity)?.addresses ?? [];
    const differs =
      present.node !== node ||
      (address !== undefined && !addresses.includes(address)) ||
      (identity !== undefined && !identityIsHint && identity !== present.identity);
    return differs ? "conflict" : "done";
  }

  /** The claim that a wish is about; without one, a new one is to be made. */
  #wanted({ identity, identityIsHint = false, address, retention }: Wish): { identity?: string; refusal?: string } {
    const owner = address === undefined ? undefined : this.#ownerOf(address);
    const named = identity !== undefined && !identityIsHint;
    if (owner !== undefined) return named && identity !== owner ? { refusal: "address_in_use" } : { identity: owner };
    const claim = identity === undefined ? undefined : this.#claims.get(identity);
    if (named || (identity !== undefined && retention !== undefined)) {
      if (claim === undefined) return retention === undefined ? { refusal: "not_found" } : {};
      return address === undefined ? { identity } : { refusal: "conflict" };
    }
    const hinted = address === undefined && claim !== undefined && claim.retention.kind !== "ephemeral";
    return hinted && identity !== undefined ? { identity } : {};
  }

  #vacate(identity: string, node: string): Answer {
    const claim = this.#claims.get(identity);
    if (claim?.heldFor !== undefined && claim.heldFor !== node) return "claim_bound";
    if (claim?.endpoint === undefined) return "done";
    const endpoint = this.#endpoints.get(claim.endpoint);
    const free = endpoint?.phase === "detached" || (endpoint?.node !== node && this.#isSilent(endpoint?.node ?? ""));
    if (!free) return "claim_bound";
    this.#supersede(claim.endpoint);
    return "done";
  }

  #bind(identity: string, node: string, id: string): void {
    const claim = this.#claims.get(identity);
    if (claim === undefined) return;
    const epoch = claim.epoch + 1;
    this.#claims.set(identity, { ...claim, epoch, endpoint: id, heldFor: undefined, expiresAt: undefined });
    this.#endpoints.set(id, { node, identity, epoch, phase: "reserved" });
  }

  #supersede(id: string): void {
    const endpoint = this.#endpoints.get(id);
    this.#endpoints.delete(id);
    if (endpoint !== undefined) this.#superseded.add(`${endpoint.node}/${id}`);
  }

  #letGo({ identity, node }: Endpoint): void {
    const claim = this.#claims.get(identity);
    if (claim === undefined) return;
    if (claim.retention.kind === "ephemeral") this.#drop(identity, node);
    else this.#claims.set(identity, this.#unbound(claim));
  }

  #unbound(claim: Claim): Claim {
    const { retention } = claim;
    const expiresAt = retention.kind === "sticky" ? this.now + retention.ttlSeconds * 1000 : undefined;
    return { ...claim, endpoint: undefined, expiresAt };
  }

  #drop(identity: string, node: string | undefined): void {
    const claim = this.#claims.get(identity);
    this.#claims.delete(identity);
    const served = claim?.retention.kind === "ephemeral" ? node : undefined;
    for (const address of claim?.addresses ?? [])
      this.#resting.set(address, { until: this.now + COOLDOWN, identity, node: served });
  }

  #isSilent(node: string): boolean {
    const silence = this.now - (this.#heard.get(node) ?? this.#started);
    const sure = this.#written.has(node) || this.now - this.#started >= NODE_TIMEOUT * 1.25;
    return silence >= NODE_TIMEOUT && sure;
  }
}
