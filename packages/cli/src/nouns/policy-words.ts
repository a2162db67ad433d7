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
    const [, key = "", operator, value = ""] = /^([^=!]+)(!=|==?)(.*)$/.exec(part) ?? [];
    const values = value.split("|");
    if (operator !== undefined && operator !== "!=" && values.length === 1) {
      if (Object.hasOwn(matchLabels, key)) throw twoValues(text, key);
      matchLabels[key] = value;
    } else if (operator !== undefined)
      matchExpressions.push({ key, operator: operator === "!=" ? "NotIn" : "In", values });
    else if (/^!?[^=!]+$/.test(part)) {
      const absent = part.startsWith("!");
      matchExpressions.push({ key: absent ? part.slice(1) : part, operator: absent ? "DoesNotExist" : "Exists" });
    } else
      throw new HoldfastError(
        "invalid_argument",
        `selector "${text}": write conditions like app=web,env!=test,tier=a|b,owner,!old`,
      );
  }
  return {
    ...(Object.keys(matchLabels).length === 0 ? {} : { matchLabels }),
    ...(matchExpressions.length === 0 ? {} : { matchExpressions }),
  };
}

/** All conditions must hold, and a label has one value. */
function twoValues(text: string, key: string): HoldfastError {
  const message = `selector "${text}": ${key} cannot have two values; for either of them write ${key}=a|b`;
  return new HoldfastError("invalid_argument", message);
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
  const [name = "", details, more] = text.split(":");
  const form = Object.hasOwn(DETAILS, name) ? DETAILS[name] : undefined;
  const known = form !== undefined || (/^\d+$/.test(name) && details === undefined);
  if (!known || more !== undefined || (details !== undefined && form?.test(details) !== true)) {
    throw new HoldfastError("invalid_argument", `--service ${text}: write ${SERVICES}`);
  }
  const protocol = form === undefined ? Number(name) : name;
  if (details === undefined) return { protocol };
  if (form === TYPE) {
    const [type, code] = details.split("/").map(Number);
    return code === undefined ? { protocol, type } : { protocol, type, code };
  }
  return { protocol, ports: details.split(",").map((port) => (port.includes("-") ? port : Number(port))) };
}

const SERVICES =
  "tcp:443,8000-8999, udp, sctp, icmp:8/0, icmpv6:128, or a protocol's number like 47; source ports are written in a file";
const PORTS = /^\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*$/;
const TYPE = /^\d+(\/\d+)?$/;
/** What may stand behind the colon of each protocol that has a name. */
const DETAILS: Readonly<Record<string, RegExp>> = { tcp: PORTS, udp: PORTS, sctp: PORTS, icmp: TYPE, icmpv6: TYPE };

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
