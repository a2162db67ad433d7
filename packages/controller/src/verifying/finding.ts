import type { Identity, IpAddress, Name } from "@holdfast/core";
import type { DifferenceKind, InventoryEndpoint } from "@holdfast/model";

/** One difference as it was seen once, with what a repair needs to see that nothing has changed since. */
export interface Finding {
  readonly kind: DifferenceKind;
  readonly object: string;
  readonly about: About;
  readonly book: string;
  readonly world: string;
  readonly remedy: string;
  /** Everything that must be the same when it is seen again, as text: revisions, the run of the agent, what the machine says. */
  readonly evidence: string;
  /** Absent: a person has to decide. */
  readonly repair?: Repair;
}

export interface About {
  readonly tenant?: Name;
  readonly network?: Name;
  readonly identity?: Identity;
  readonly addresses?: readonly IpAddress[];
  readonly node?: Name;
  readonly endpoint?: string;
}

/** What names a claim, and the revision at which it was seen. */
export interface SeenClaim {
  readonly tenant: Name;
  readonly network: Name;
  readonly identity: Identity;
  readonly revision: number;
}

/** What a repair does. Each is one commit, on condition of the revisions that were seen. */
export type Repair =
  /** The endpoint goes; its claim is free, or gone when it is ephemeral, with all its addresses. */
  | { readonly kind: "reclaim"; readonly endpoint: string; readonly revision: number; readonly claimRevision: number }
  /** The endpoint's record goes and its node is told; its claim is another's. */
  | { readonly kind: "cut"; readonly endpoint: string; readonly revision: number }
  /** The claim's binding goes; nobody has the endpoint. */
  | { readonly kind: "unbind"; readonly claim: SeenClaim }
  /** What runs keeps its address: endpoint, claim and locks are written as the node has them. */
  | { readonly kind: "adopt"; readonly node: Name; readonly endpoint: InventoryEndpoint }
  /** The book's endpoint gets its claim back. */
  | { readonly kind: "rebind"; readonly endpoint: string; readonly revision: number }
  /** The node takes it down. */
  | { readonly kind: "tell"; readonly node: Name; readonly endpoint: string }
  | { readonly kind: "lock"; readonly claim: SeenClaim; readonly address: IpAddress }
  | {
      readonly kind: "unlock";
      readonly tenant: Name;
      readonly network: Name;
      readonly address: IpAddress;
      readonly identity: Identity;
      readonly revision: number;
    }
  | { readonly kind: "end"; readonly claim: SeenClaim }
  | {
      readonly kind: "wake";
      readonly tenant: Name;
      readonly network: Name;
      readonly address: IpAddress;
      readonly revision: number;
    }
  | { readonly kind: "align"; readonly tenant: Name; readonly network: Name; readonly address: IpAddress }
  | {
      readonly kind: "note";
      readonly tenant: Name;
      readonly network: Name;
      readonly address: IpAddress;
      /** When the newest event was; and who had the address by it, when somebody had. */
      readonly newest: string;
      readonly heldBy: Identity | undefined;
    }
  | { readonly kind: "settle"; readonly node: Name; readonly endpoint: string; readonly revision: number };

/** For records: who does it, and which observations prove it. */
export interface Why {
  readonly actor: string;
  readonly proof: string;
}
