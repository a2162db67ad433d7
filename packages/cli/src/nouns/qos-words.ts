import { HoldfastError } from "@holdfast/core";
import { type DirectionQos, DSCP_NAMES, type QosExplanation, type QosProfile } from "@holdfast/model";
import { type CommandDefinition, type CommandOptions, text } from "../define-command.ts";

/** Takes a limit, or the profile of an object, away. */
const NONE = "none";

export const QOS_TERMS = [
  ["--egress-rate <rate>", "What an endpoint may send, e.g. 100Mbit; more waits."],
  ["--egress-burst <size>", "What it may send at once above the rate, e.g. 256KiB."],
  ["--egress-packets <number>", "Packets per second that it may send; more are dropped."],
  ["--ingress-rate <rate>", "What may reach it, e.g. 1Gbit; more waits."],
  ["--ingress-burst <size>", "What may reach it at once above the rate."],
  ["--ingress-packets <number>", "Packets per second that may reach it; more are dropped."],
  ["--connections <number>", "Connections that it may have at once, whoever begins them."],
  ["--dscp <codepoint>", "Written into all that it sends: 0 to 63, or a name.", Object.keys(DSCP_NAMES)],
  ["--guarantee <rate>", "What it gets of its node's uplink at least, e.g. 50Mbit."],
  ["-l, --label <key=value...>", "Labels."],
] as const satisfies CommandDefinition["options"];

/** What the options say; a direction as a whole, null where its limits are taken away. */
export function termsOf(options: CommandOptions, existing?: QosProfile) {
  return {
    ...directionOf(options, "egress", existing?.egress),
    ...directionOf(options, "ingress", existing?.ingress),
    ...said(options, "connections", wholeNumber),
    ...said(options, "dscp", (value) => (/^\d+$/.test(value) ? Number(value) : (value as keyof typeof DSCP_NAMES))),
    ...said(options, "guarantee", (value) => value),
  };
}

/** For what is made: a profile cannot be taken away yet. */
export function qosOf(options: CommandOptions): { readonly qos?: string } {
  const qos = text(options, "qos");
  return qos === undefined || qos === NONE ? {} : { qos };
}

export function qosChange(options: CommandOptions): { readonly qos?: string | null } {
  const qos = text(options, "qos");
  return qos === undefined ? {} : { qos: qos === NONE ? null : qos };
}

/** `"100Mbit, burst 256KiB, 1000 packets/s"`. */
export function directionText({ rate, burst, packets }: DirectionQos = {}): string {
  const parts = [
    ...(rate === undefined ? [] : [rate]),
    ...(burst === undefined ? [] : [`burst ${burst}`]),
    ...(packets === undefined ? [] : [`${packets} packets/s`]),
  ];
  return parts.length === 0 ? "no limit" : parts.join(", ");
}

/** `34` gives `"34 (af41)"`. */
export function dscpText(dscp: number | undefined): string {
  if (dscp === undefined) return "as sent";
  const name = Object.entries(DSCP_NAMES).find(([, value]) => value === dscp)?.[0];
  return name === undefined ? String(dscp) : `${dscp} (${name})`;
}

export function namedByText(by: QosExplanation["by"]): string {
  if (by === undefined) return "nobody";
  return by.kind === "claim" ? "the claim itself" : `group ${by.group}`;
}

function directionOf(options: CommandOptions, direction: "egress" | "ingress", existing: DirectionQos | undefined) {
  const changes = {
    ...said(options, `${direction}Rate`, (value) => value, "rate"),
    ...said(options, `${direction}Burst`, (value) => value, "burst"),
    ...said(options, `${direction}Packets`, wholeNumber, "packets"),
  };
  if (Object.keys(changes).length === 0) return {};
  const entries = Object.entries({ ...existing, ...changes }).filter(([, value]) => value !== null);
  const merged = Object.fromEntries(entries) as DirectionQos;
  // A burst goes with its rate.
  const { burst: _, ...rest } = merged;
  const limits = merged.rate === undefined && !("burst" in changes) ? rest : merged;
  return { [direction]: Object.keys(limits).length === 0 ? null : limits };
}

function said<T>(options: CommandOptions, name: string, read: (value: string) => T, as = name) {
  const value = text(options, name);
  return value === undefined ? {} : { [as]: value === NONE ? null : read(value) };
}

function wholeNumber(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new HoldfastError("invalid_argument", `${value} is no whole number`);
}
