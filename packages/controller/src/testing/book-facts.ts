export type Retention =
  | { readonly kind: "ephemeral" | "reserved" }
  | { readonly kind: "sticky"; readonly ttlSeconds: number };

export interface Claim {
  readonly addresses: readonly string[];
  readonly retention: Retention;
  readonly epoch: number;
  /** Id of the endpoint that serves it. */
  readonly endpoint?: string | undefined;
  readonly heldFor?: string | undefined;
  readonly expiresAt?: number | undefined;
}

export interface Endpoint {
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

export const NODES = ["h1", "h2", "h3"] as const;
/** Of subnets 10.20.0.0/28 and fd00:20::/125, without their gateways and what names the network. */
export const FREE_V4 = Array.from({ length: 13 }, (_, index) => `10.20.0.${index + 2}`);
export const FREE_V6 = Array.from({ length: 6 }, (_, index) => `fd00:20::${index + 2}`);
export const GATEWAY = "10.20.0.1";
export const OUTSIDE = "10.20.0.15";

export const COOLDOWN = 60_000;
export const NODE_TIMEOUT = 60_000;
export const RESERVATION_TIMEOUT = 300_000;

/** What the address book knows, in plain maps, and what each change of it brings with it. Times are milliseconds since the beginning. */
export class BookFacts {
  now = 0;
  #started = 0;
  claims = new Map<string, Claim>();
  endpoints = new Map<string, Endpoint>();
  resting = new Map<string, Rest>();
  /** By `node/endpoint`. */
  superseded = new Set<string>();
  #heard = new Map<string, number>();
  /** Nodes of which the present controller has written that they are alive; the others' lives another one may know better. */
  #written = new Set<string>();

  copy(): BookFacts {
    const copy = new BookFacts();
    copy.now = this.now;
    copy.#started = this.#started;
    copy.claims = new Map(this.claims);
    copy.endpoints = new Map(this.endpoints);
    copy.resting = new Map(this.resting);
    copy.superseded = new Set(this.superseded);
    copy.#heard = new Map(this.#heard);
    copy.#written = new Set(this.#written);
    return copy;
  }

  restart(): void {
    this.#started = this.now;
    this.#heard.clear();
    this.#written.clear();
  }

  hear(node: string): void {
    this.#heard.set(node, this.now);
    this.#written.add(node);
  }

  /** Time goes on at once, and what has run out ends. */
  advance(milliseconds: number): void {
    this.now += milliseconds;
    for (const [identity, { expiresAt, endpoint }] of this.claims) {
      if (expiresAt !== undefined && expiresAt <= this.now && endpoint === undefined) this.drop(identity, undefined);
    }
    for (const [address, { until }] of this.resting) if (until <= this.now) this.resting.delete(address);
  }

  /** Everything, as lines to compare. */
  get lines(): string[] {
    const claims = [...this.claims].map(([identity, { addresses, retention, epoch, endpoint, heldFor, expiresAt }]) =>
      ["claim", identity, addresses.join(), retention.kind, epoch, endpoint, heldFor, expiresAt].join(" "),
    );
    const endpoints = [...this.endpoints].map(([id, { node, identity, epoch, phase }]) =>
      ["endpoint", id, node, identity, epoch, phase].join(" "),
    );
    const resting = [...this.resting].map(([address, { until, identity, node }]) =>
      ["rests", address, until, identity, node].join(" "),
    );
    return [...claims, ...endpoints, ...resting, ...[...this.superseded].map((key) => `lost ${key}`)].sort();
  }

  ownerOf(address: string): string | undefined {
    for (const [identity, { addresses }] of this.claims) if (addresses.includes(address)) return identity;
    return undefined;
  }

  /** What the identity had a moment ago, or anything that nobody has. */
  choices(identity: string, family: readonly string[]): readonly string[] {
    const former = family.filter((address) => this.resting.get(address)?.identity === identity);
    if (former.length > 0) return former;
    return family.filter((address) => !this.resting.has(address) && this.ownerOf(address) === undefined);
  }

  bind(identity: string, node: string, id: string): void {
    const claim = this.claims.get(identity);
    if (claim === undefined) return;
    const epoch = claim.epoch + 1;
    this.claims.set(identity, { ...claim, epoch, endpoint: id, heldFor: undefined, expiresAt: undefined });
    this.endpoints.set(id, { node, identity, epoch, phase: "reserved" });
  }

  supersede(id: string): void {
    const endpoint = this.endpoints.get(id);
    this.endpoints.delete(id);
    if (endpoint !== undefined) this.superseded.add(`${endpoint.node}/${id}`);
  }

  letGo({ identity, node }: Endpoint): void {
    const claim = this.claims.get(identity);
    if (claim === undefined) return;
    if (claim.retention.kind === "ephemeral") this.drop(identity, node);
    else this.claims.set(identity, this.unbound(claim));
  }

  unbound(claim: Claim): Claim {
    const { retention } = claim;
    const expiresAt = retention.kind === "sticky" ? this.now + retention.ttlSeconds * 1000 : undefined;
    return { ...claim, endpoint: undefined, expiresAt };
  }

  drop(identity: string, node: string | undefined): void {
    const claim = this.claims.get(identity);
    this.claims.delete(identity);
    const served = claim?.retention.kind === "ephemeral" ? node : undefined;
    for (const address of claim?.addresses ?? [])
      this.resting.set(address, { until: this.now + COOLDOWN, identity, node: served });
  }

  isSilent(node: string): boolean {
    const silence = this.now - (this.#heard.get(node) ?? this.#started);
    const sure = this.#written.has(node) || this.now - this.#started >= NODE_TIMEOUT * 1.25;
    return silence >= NODE_TIMEOUT && sure;
  }
}
