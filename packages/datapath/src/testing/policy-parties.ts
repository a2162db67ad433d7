import { Cidr, type Family } from "@holdfast/core";
import {
  type EndpointPolicy,
  groupInStages,
  type Path,
  type PolicyChange,
  type PolicySet,
  type Program,
  type ProgramRule,
  type Section,
  type Service,
} from "@holdfast/policy";

/** Policies of tests, from texts that are easy to read. */

/** The realms of all programs here, by family. */
export const REALMS = {
  v4: { own: "tenant/default/v4", platform: "platform/v4" },
  v6: { own: "tenant/default/v6", platform: "platform/v6" },
} as const;

export function prefixSet(id: string, members: readonly string[]): PolicySet {
  return { id, family: id.endsWith("v6") ? "v6" : "v4", members: members.map((member) => Cidr.parse(member)) };
}

/** What programs refer to as realms: all of `10.20.0.0/16`, `fd00:20::/32` is the own tenant's. */
export const REALM_SETS: readonly PolicySet[] = [
  prefixSet(REALMS.v4.own, ["10.20.0.0/16"]),
  prefixSet(REALMS.v4.platform, ["10.20.0.0/16", "10.30.0.0/16"]),
  prefixSet(REALMS.v6.own, ["fd00:20::/32"]),
  prefixSet(REALMS.v6.platform, ["fd00:20::/32", "fd00:30::/32"]),
];

export const NO_CHANGE: PolicyChange = {
  sets: [],
  setEdits: [],
  setsGone: [],
  programs: [],
  programsGone: [],
  endpoints: [],
};

export function tcp(...ports: readonly number[]): Service {
  const [first, ...rest] = ports.map((port) => ({ first: port, last: port }));
  return { protocol: 6, ...(first === undefined ? {} : { destinationPorts: [first, ...rest] }) };
}

export function udp(...ports: readonly number[]): Service {
  return { ...tcp(...ports), protocol: 17 };
}

/** A rule that matches everything, unless the change says otherwise. */
export function rule(id: string, verdict: ProgramRule["verdict"], change: Partial<ProgramRule> = {}): ProgramRule {
  return { id, verdict, log: false, remote: "any", services: "any", ...change };
}

export function from(...remotes: readonly string[]): ProgramRule["remote"] {
  const isPrefix = (text: string) => /^[0-9a-f:.]+\/\d+$/.test(text);
  return {
    sets: remotes.filter((text) => !isPrefix(text)),
    prefixes: remotes.filter(isPrefix).map((text) => Cidr.parse(text)),
  };
}

interface Lists {
  /** Sections of ordered rules. */
  readonly main?: readonly (readonly ProgramRule[])[];
  readonly foreign?: readonly (readonly ProgramRule[])[];
  readonly end?: "allow" | "deny";
}

export interface ProgramParts {
  readonly ingress?: Lists;
  readonly egress?: Lists;
}

/** A program of the same rules in both families; those that refer to prefixes or sets of the other one are left out. */
export function program(id: string, { ingress = {}, egress = {} }: ProgramParts): Program {
  const both = (family: Family) => ({
    ingress: path(family, `${id}/ingress`, ingress),
    egress: path(family, `${id}/egress`, egress),
  });
  return { id, v4: both("v4"), v6: both("v6") };
}

function path(family: Family, name: string, { main = [], foreign = [], end = "allow" }: Lists): Path {
  return {
    realms: REALMS[family],
    main: sections(family, main, rule(`default/${name}`, end)),
    foreign: sections(family, foreign, rule(`isolation/${name}`, "deny")),
  };
}

function sections(family: Family, lists: readonly (readonly ProgramRule[])[], end: ProgramRule): readonly Section[] {
  return [...lists, [end]].map((rules) => ({ stages: groupInStages(rules.flatMap((each) => inFamily(family, each))) }));
}

function inFamily(family: Family, each: ProgramRule): readonly ProgramRule[] {
  const services = each.services === "any" ? [] : each.services;
  if (services.some(({ protocol }) => protocol === (family === "v4" ? 58 : 1))) return [];
  if (each.remote === "any") return [each];
  const sets = each.remote.sets.filter((id) => id.endsWith(family));
  const prefixes = each.remote.prefixes.filter((prefix) => Cidr.family(prefix) === family);
  if (sets.length + prefixes.length === 0) return [];
  const isWhole = sets.length === each.remote.sets.length && prefixes.length === each.remote.prefixes.length;
  return isWhole ? [each] : [{ ...each, remote: { sets, prefixes } }];
}

/** Who has which programs. */
export function having(endpoint: string, programId: string, staged?: string): EndpointPolicy {
  return { endpoint, program: programId, ...(staged === undefined ? {} : { staged }) };
}
