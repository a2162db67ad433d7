import type { Network, NewNetwork } from "@holdfast/model";
import { invalidField } from "../refusals.ts";

/** Refuses what does not go with the network's kind. @throws HoldfastError `invalid_argument`, naming the field. */
export function checkKind(body: Pick<NewNetwork, "kind" | "name" | "segment" | "masquerade" | "conflictProbe">): void {
  if (body.conflictProbe !== undefined) checkProbed(body);
  if (body.masquerade !== undefined) checkMasqueraded(body);
  if (body.kind !== "routed" || body.segment === undefined) return;
  const text = `network ${body.name} is of kind routed, whose packets carry no VLAN id and no VNI; leave it out`;
  throw invalidField("segment", text);
}

/** @throws HoldfastError `invalid_argument`: nobody can be asked there. */
export function checkProbed({ kind, name }: Pick<Network, "kind" | "name">): void {
  if (kind === "vlan") return;
  const text = `network ${name} is of kind ${kind}, in which there are no machines outside that could have an address; leave it out, or use kind vlan`;
  throw invalidField("conflictProbe", text);
}

/** @throws HoldfastError `invalid_argument`: what leaves a network of another kind is its gateway's affair. */
export function checkMasqueraded({ kind, name }: Pick<Network, "kind" | "name">): void {
  if (kind === "routed") return;
  const text = `network ${name} is of kind ${kind}, whose packets leave through its gateway; leave it out, or use kind routed`;
  throw invalidField("masquerade", text);
}
