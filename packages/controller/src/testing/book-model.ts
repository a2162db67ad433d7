import {
  BookFacts,
  type Endpoint,
  FREE_V4,
  FREE_V6,
  GATEWAY,
  RESERVATION_TIMEOUT,
  type Retention,
} from "./book-facts.ts";

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

/**
 * The address book as its rules say it (DESIGN.md, "Rules of binding"; model/node-work.ts): what each request is answered and what it changes,
 * without regard for anything but the result.
 */
export class BookModel {
  readonly facts: BookFacts;

  constructor(facts = new BookFacts()) {
    this.facts = facts;
  }

  copy(): BookModel {
    return new BookModel(this.facts.copy());
  }

  hear(node: string): Answer {
    this.facts.hear(node);
    return "done";
  }

  nodeOf(endpoint: string): string | undefined {
    return this.facts.endpoints.get(endpoint)?.node;
  }

  claim(identity: string, wanted: readonly string[] | undefined, retention: Retention): Answer {
    const answer = this.#takeable(identity, wanted, undefined);
    if (typeof answer === "string") return answer;
    const expiresAt = retention.kind === "ephemeral" ? this.facts.now + RESERVATION_TIMEOUT : undefined;
    this.facts.claims.set(identity, { addresses: [], retention, epoch: 0, expiresAt });
    return answer;
  }

  /** Tells which addresses the book has chosen for a claim that was just made. */
  chosen(identity: string, addresses: readonly string[]): void {
    const claim = this.facts.claims.get(identity);
    if (claim === undefined) return;
    this.facts.claims.set(identity, { ...claim, addresses });
    for (const address of addresses) this.facts.resting.delete(address);
  }

  release(identity: string): Answer {
    const claim = this.facts.claims.get(identity);
    if (claim === undefined) return "not_found";
    if (claim.endpoint !== undefined) return "claim_bound";
    this.facts.drop(identity, undefined);
    return "done";
  }

  keep(identity: string, retention: Retention): Answer {
    const claim = this.facts.claims.get(identity);
    if (claim === undefined) return "not_found";
    const unbound = claim.endpoint === undefined;
    const sticky =
      retention.kind === "sticky" && claim.epoch > 0 ? this.facts.now + retention.ttlSeconds * 1000 : undefined;
    const end = retention.kind === "ephemeral" ? this.facts.now + RESERVATION_TIMEOUT : sticky;
    this.facts.claims.set(identity, { ...claim, retention, expiresAt: unbound ? end : undefined });
    return "done";
  }

  move(identity: string, node: string | undefined, force: boolean): Answer {
    const claim = this.facts.claims.get(identity);
    if (claim === undefined) return "not_found";
    const endpoint = claim.endpoint === undefined ? undefined : this.facts.endpoints.get(claim.endpoint);
    if (endpoint === undefined) {
      this.facts.claims.set(identity, { ...claim, heldFor: node });
      return "done";
    }
    if (endpoint.node === node) return "done";
    if (!force && !this.facts.isSilent(endpoint.node)) return "claim_bound";
    this.facts.supersede(claim.endpoint ?? "");
    const ephemeral = claim.retention.kind === "ephemeral" ? this.facts.now + RESERVATION_TIMEOUT : undefined;
    const unbound = this.facts.unbound(claim);
    this.facts.claims.set(identity, { ...unbound, heldFor: node, expiresAt: ephemeral ?? unbound.expiresAt });
    return "done";
  }

  cutOff(id: string): Answer {
    const endpoint = this.facts.endpoints.get(id);
    if (endpoint === undefined) return "not_found";
    this.facts.supersede(id);
    this.facts.letGo(endpoint);
    return "done";
  }

  /** All nodes have said twice that they do not have these endpoints, nor any that they have lost. */
  collect(missing: readonly string[]): void {
    this.facts.superseded.clear();
    for (const id of missing) this.cutOff(id);
  }

  /** The identity of the claim that the endpoint then has, and the addresses when they are the book's choice. */
  reserve(node: string, id: string, wish: Wish): { readonly answer: Answer; readonly identity: string } {
    const present = this.facts.endpoints.get(id);
    if (present !== undefined) return { answer: this.#again(present, node, wish), identity: present.identity };
    const named = wish.retention === undefined ? undefined : wish.identity;
    const fresh = named ?? `ephemeral/${id}`;
    if (this.facts.superseded.has(`${node}/${id}`)) return { answer: "conflict", identity: fresh };
    const found = this.#wanted(wish);
    if (found.refusal !== undefined) return { answer: found.refusal, identity: fresh };
    if (found.identity !== undefined) {
      const answer = this.#vacate(found.identity, node);
      if (answer === "done") this.facts.bind(found.identity, node, id);
      return { answer, identity: found.identity };
    }
    const answer = this.#takeable(fresh, wish.address === undefined ? undefined : [wish.address], node);
    if (typeof answer !== "string") {
      const retention = named === undefined ? undefined : wish.retention;
      this.facts.claims.set(fresh, { addresses: [], retention: retention ?? { kind: "ephemeral" }, epoch: 0 });
      this.facts.bind(fresh, node, id);
    }
    return { answer, identity: fresh };
  }

  report(node: string, id: string, epoch: number, phases: readonly string[]): Answer {
    const endpoint = this.facts.endpoints.get(id);
    const released = phases.at(-1) === "released";
    if (endpoint === undefined) {
      const lost = this.facts.superseded.has(`${node}/${id}`);
      if (lost && released) this.facts.superseded.delete(`${node}/${id}`);
      return lost ? "superseded" : released ? "done" : "unknown";
    }
    if (endpoint.node !== node || epoch > endpoint.epoch) return "refused";
    if (epoch < endpoint.epoch) return "superseded";
    let { phase } = endpoint;
    for (const next of phases) {
      if (next !== phase && NEXT[phase]?.includes(next) !== true) return "refused";
      phase = next;
    }
    this.facts.endpoints.set(id, { ...endpoint, phase });
    if (phase !== "released") return "done";
    this.facts.endpoints.delete(id);
    this.facts.letGo(endpoint);
    return "done";
  }

  #takeable(identity: string, wanted: readonly string[] | undefined, node: string | undefined): Answer {
    if (this.facts.claims.has(identity)) return "already_exists";
    if (wanted === undefined) {
      const families = [FREE_V4, FREE_V6].map((family) => this.facts.choices(identity, family));
      return families.some((choices) => choices.length === 0) ? "pool_exhausted" : { anyOf: families };
    }
    for (const address of wanted) {
      const rest = this.facts.resting.get(address);
      const former = rest?.identity === identity || (rest?.node !== undefined && rest.node === node);
      if (this.facts.ownerOf(address) !== undefined || (rest !== undefined && !former)) return "address_in_use";
      if (address === GATEWAY) return "address_in_use";
      if (!FREE_V4.includes(address) && !FREE_V6.includes(address)) return "address_out_of_range";
    }
    return { anyOf: wanted.map((address) => [address]) };
  }

  #again(present: Endpoint, node: string, { identity, identityIsHint = false, address }: Wish): Answer {
    const addresses = this.facts.claims.get(present.identity)?.addresses ?? [];
    const differs =
      present.node !== node ||
      (address !== undefined && !addresses.includes(address)) ||
      (identity !== undefined && !identityIsHint && identity !== present.identity);
    return differs ? "conflict" : "done";
  }

  /** The claim that a wish is about; without one, a new one is to be made. */
  #wanted({ identity, identityIsHint = false, address, retention }: Wish): { identity?: string; refusal?: string } {
    const owner = address === undefined ? undefined : this.facts.ownerOf(address);
    const named = identity !== undefined && !identityIsHint;
    if (owner !== undefined) return named && identity !== owner ? { refusal: "address_in_use" } : { identity: owner };
    const claim = identity === undefined ? undefined : this.facts.claims.get(identity);
    if (named || (identity !== undefined && retention !== undefined)) {
      if (claim === undefined) return retention === undefined ? { refusal: "not_found" } : {};
      return address === undefined ? { identity } : { refusal: "conflict" };
    }
    const hinted = address === undefined && claim !== undefined && claim.retention.kind !== "ephemeral";
    return hinted && identity !== undefined ? { identity } : {};
  }

  #vacate(identity: string, node: string): Answer {
    const claim = this.facts.claims.get(identity);
    if (claim?.heldFor !== undefined && claim.heldFor !== node) return "claim_bound";
    if (claim?.endpoint === undefined) return "done";
    const endpoint = this.facts.endpoints.get(claim.endpoint);
    const free =
      endpoint?.phase === "detached" || (endpoint?.node !== node && this.facts.isSilent(endpoint?.node ?? ""));
    if (!free) return "claim_bound";
    this.facts.supersede(claim.endpoint);
    return "done";
  }
}
