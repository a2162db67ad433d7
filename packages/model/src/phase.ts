import { HoldfastError } from "@holdfast/core";
import { z } from "zod";

/**
 * Where an attachment stands.
 *
 * reserved: addresses are set aside for it on its node; binding: being wired; wired: in the switch, sandbox not up yet; active: its
 * interface is up; detaching, detached: going, gone from the data path; released: its addresses are free of it, the end; failed: stopped
 * with a reason, waiting to be taken down.
 */
export const phaseSchema = z
  .enum(["reserved", "binding", "wired", "active", "detaching", "detached", "released", "failed"])
  .meta({ id: "Phase" });
export type Phase = z.output<typeof phaseSchema>;

const NEXT: Readonly<Record<Phase, readonly Phase[]>> = {
  reserved: ["binding", "released", "failed"],
  binding: ["wired", "detaching", "failed"],
  wired: ["active", "detaching", "failed"],
  active: ["detaching", "failed"],
  detaching: ["detached", "failed"],
  detached: ["released"],
  released: [],
  failed: ["detaching", "released"],
};

/** Whether a phase may follow another. Staying is always allowed: a report may come twice. */
export function phaseMayFollow(from: Phase, to: Phase): boolean {
  return from === to || NEXT[from].includes(to);
}

/** @throws HoldfastError `conflict`, naming both phases and the endpoint. */
export function checkPhaseChange(endpoint: string, from: Phase, to: Phase): void {
  if (phaseMayFollow(from, to)) return;
  const allowed = NEXT[from].join(", ") || "nothing";
  throw new HoldfastError("conflict", `endpoint ${endpoint} is ${from}; it cannot become ${to}, only ${allowed}`, {
    details: { endpoint, from, to },
  });
}

/** Phases in which the endpoint's addresses may be on the wire. */
export function isOnWire(phase: Phase): boolean {
  return phase === "binding" || phase === "wired" || phase === "active" || phase === "detaching";
}
