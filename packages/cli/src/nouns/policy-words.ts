import { HoldfastError } from "@holdfast/core";
import type { LabelSelector, Peer, PolicyRule, PolicyService, PolicySubject } from "@holdfast/model";
import { labelText } from "../output/words.ts";

/** What is written before parsing: names are checked by the controller, with the field. */
type Written<T> = { -readonly [K in keyof T]: unknown };

/** `"app=web,env!=test,tier=a|b,owner,!old"`: every condition must hold. @throws HoldfastError `invalid_argument`. */
export function parseSelector(text: string): LabelSelector {
  const matchLabels: Record<string, string> = {};
  const matchExpressions: NonNullable<LabelSelector["matchExpressions"]> = [];
  for (const part of text.split(",")) {
    const [, key = "", operator, value = ""] = /^([^=!]+)(!?=)(.*)$/.exec(part) ?? [];
    const values = value.split("|");
    if (operator === "=" && values.length === 1) matchLabels[key] = value;
    else if (operator !== undefined)
      matchExpressions.push({ key, operator: operator === "=" ? "In" : "NotIn", values });
    else if (/^!?[^=!]+$/.test(part)) {
      const absent = part.startsWith("!");
      matchExpressions.push({ key: absent ? part.slice(1) : part, operator: absent ? "DoesNotExist" : "Exists" });
    } else
      throw new HoldfastError(
        "invalid_argument",
        `${text}: write conditions like app=web,env!=test,tier=a|b,owner,!old`,
      );
  }
  return {
    ...(Object.keys(matchLabels).length === 0 ? {} : { matchLabels }),
    ...(matchExpressions.length === 0 ? {} : { matchExpressions }),
  };
}

export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const expressions = matchExpressions.map((expression) => {
    const { key, operator } = expression;
    if ("values" in expression) return `${key}${operator === "In" ? "=" : "!="}${expression.values.join("|")}`;
    return operator === "Exists" ? key : `!${key}`;
  });
  return [labelText(matchLabels), ...expressions].filter((part) => part !== "").join(",") || "(all)";
}

const PEERS =
  "group=web, group=billing/db, selector=app=web, tenant, tenant=billing, network=web, cidr=10.0.0.0/8, set=partners";

/** `"group=billing/db"`, `"cidr=10.0.0.0/8"` … @throws HoldfastError `invalid_argument`. */
export function parsePeer(text: string): Written<Peer> {
  const cut = text.indexOf("=");
  const [kind, value] = cut < 0 ? [text, ""] : [text.slice(0, cut), text.slice(cut + 1)];
  const slash = value.indexOf("/");
  switch (kind) {
    case "group":
      return slash < 0
        ? { kind, group: value }
        : { kind, tenant: value.slice(0, slash), group: value.slice(slash + 1) };
    case "selector":
      return { kind, selector: parseSelector(value) };
    case "tenant":
      return value === "" ? { kind } : { kind, tenant: value };
    case "network":
      return { kind, network: value };
    case "cidr":
      return { kind, cidr: value };
    case "set":
      return { kind: "addresses", set: value };
    default:
      throw new HoldfastError("invalid_argument", `--peer ${text}: write one of ${PEERS}`);
  }
}

export function peerText(peer: Peer): string {
  switch (peer.kind) {
    case "group":
      return `group=${peer.tenant === undefined ? "" : `${peer.tenant}/`}${peer.group}`;
    case "selector":
      return `selector=${selectorText(peer.selector)}${peer.networks === undefined ? "" : ` in ${peer.networks.join("|")}`}`;
    case "tenant":
      return peer.tenant === undefined ? "tenant" : `tenant=${peer.tenant}`;
    case "network":
      return `network=${peer.network}`;
    case "cidr":
      return `cidr=${peer.cidr}${peer.except === undefined ? "" : ` except ${peer.except.join("|")}`}`;
    case "addresses":
      return `set=${peer.set}`;
  }
}

/** `"tcp:443,8000-8999"`, `"icmp:8/0"`, `"47"`. @throws HoldfastError `invalid_argument`. */
export function parseService(text: string): Written<PolicyService> {
  const [name = "", details] = text.split(":");
  const protocol = /^\d+$/.test(name) ? Number(name) : name;
  if (details === undefined) return { protocol };
  if (name === "icmp" || name === "icmpv6") {
    const [type, code] = details.split("/").map(Number);
    return code === undefined ? { protocol, type } : { protocol, type, code };
  }
  if (details === "")
    throw new HoldfastError("invalid_argument", `--service ${text}: write tcp:443,8000-8999, icmp:8/0 or 47`);
  return { protocol, ports: details.split(",").map((port) => (/^\d+$/.test(port) ? Number(port) : port)) };
}

export function serviceText(service: PolicyService): string {
  if ("type" in service && service.type !== undefined) {
    return `${service.protocol}:${service.type}${service.code === undefined ? "" : `/${service.code}`}`;
  }
  const ports = "ports" in service && service.ports !== undefined ? `:${service.ports.join(",")}` : "";
  const source =
    "sourcePorts" in service && service.sourcePorts !== undefined ? ` from ${service.sourcePorts.join(",")}` : "";
  return `${service.protocol}${ports}${source}`;
}

/** Peers and services of a rule in one line. */
export function ruleText({ peers, services, log }: PolicyRule): string {
  const who = peers?.map(peerText).join(" or ") ?? "anybody";
  return `${who}, ${services?.map(serviceText).join(" or ") ?? "anything"}${log === true ? ", logged" : ""}`;
}

export function subjectText({ groups, selector, networks }: PolicySubject): string {
  const parts = [
    ...(groups === undefined ? [] : [`group=${groups.join("|")}`]),
    ...(selector === undefined ? [] : [`selector=${selectorText(selector)}`]),
    ...(networks === undefined ? [] : [`network=${networks.join("|")}`]),
  ];
  return parts.join(" and ") || "all of the tenant";
}
