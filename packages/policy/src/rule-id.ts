import type { Direction, RuleId } from "./rule-program.ts";

/** Where a verdict comes from. */
export type RuleOrigin =
  /** A rule that somebody wrote. */
  | {
      readonly kind: "rule";
      readonly tenant: string;
      readonly policy: string;
      readonly direction: Direction;
      readonly rule: string;
    }
  /** The policy lets nothing else through in this direction (`isolates`), and no rule of its tier has matched. */
  | { readonly kind: "isolates"; readonly tenant: string; readonly policy: string; readonly direction: Direction }
  /** Nothing has matched: the default of the tenant, or of the network where that has one. */
  | {
      readonly kind: "default";
      readonly tenant: string;
      readonly network?: string | undefined;
      readonly direction: Direction;
    }
  /** The other end belongs to another tenant, and no contract lets it through. */
  | { readonly kind: "isolation"; readonly tenant: string; readonly direction: Direction };

/** E.g. `"rule/default/web/ingress/https"`, `"isolates/default/web/ingress"`, `"default/default/web-net/egress"`, `"isolation/default/ingress"`. */
export function formatRuleId(origin: RuleOrigin): RuleId {
  const { kind, tenant, direction } = origin;
  switch (kind) {
    case "rule":
      return `rule/${tenant}/${origin.policy}/${direction}/${origin.rule}`;
    case "isolates":
      return `isolates/${tenant}/${origin.policy}/${direction}`;
    case "default":
      return `default/${tenant}/${origin.network === undefined ? "" : `${origin.network}/`}${direction}`;
    case "isolation":
      return `isolation/${tenant}/${direction}`;
  }
}

/** The way back; undefined for what is no rule's id. */
export function parseRuleId(id: RuleId): RuleOrigin | undefined {
  const parts = id.split("/");
  const [kind, tenant, ...rest] = parts;
  if (tenant === undefined) return undefined;
  const origin = readOrigin(kind, tenant, rest);
  return origin !== undefined && formatRuleId(origin) === id ? origin : undefined;
}

function readOrigin(kind: string | undefined, tenant: string, rest: readonly string[]): RuleOrigin | undefined {
  const [first = "", second, third = ""] = rest;
  if (kind === "isolation") return isDirection(first) ? { kind, tenant, direction: first } : undefined;
  if (kind === "default" && rest.length === 1) {
    return isDirection(first) ? { kind, tenant, direction: first } : undefined;
  }
  if (!isDirection(second)) return undefined;
  if (kind === "default") return { kind, tenant, network: first, direction: second };
  if (kind === "isolates") return { kind, tenant, policy: first, direction: second };
  return kind === "rule" ? { kind, tenant, policy: first, direction: second, rule: third } : undefined;
}

function isDirection(text: string | undefined): text is Direction {
  return text === "ingress" || text === "egress";
}
