/** What an end of traffic has. */
export const endFields = [
  "endpoint",
  "identity",
  "group",
  "tenant",
  "network",
  "node",
  "prefix",
  "address",
] as const satisfies readonly string[];
export type EndField = (typeof endFields)[number];

/** What a packet has, whoever sent it. */
export const packetFields = ["protocol", "service", "verdict", "exporter", "vlan", "vni", "attributed"] as const;
export type PacketField = (typeof packetFields)[number];

/** Which end a field is of: `own` the container's that is asked about, `peer` the one it talks to. */
export type EndRole = "own" | "peer" | "source" | "destination";

/**
 * A property of traffic that one may ask for: `identity` (the container's own), `peer.identity`, `source.identity`, `destination.identity`;
 * `direction` as the container sees it; or of the packet itself, e.g. `protocol`.
 */
export type TrafficField =
  | { readonly kind: "end"; readonly role: EndRole; readonly field: EndField }
  | { readonly kind: "packet"; readonly field: PacketField }
  | { readonly kind: "direction" };

const ROLES = ["own", "peer", "source", "destination"] as const satisfies readonly EndRole[];

const FIELDS: ReadonlyMap<string, TrafficField> = new Map(
  [
    ...ROLES.flatMap((role) => endFields.map((field): TrafficField => ({ kind: "end", role, field }))).filter(
      // Prefixes are named outside, where containers are not.
      (field) => fieldName(field) !== "prefix",
    ),
    ...packetFields.map((field): TrafficField => ({ kind: "packet", field })),
    { kind: "direction" } satisfies TrafficField,
  ].map((field) => [fieldName(field), field] as const),
);

/** Every name that a field has, e.g. `"peer.identity"`. */
export const trafficFieldNames: readonly string[] = [...FIELDS.keys()];

/** Undefined: there is no such field. */
export function trafficField(name: string): TrafficField | undefined {
  return FIELDS.get(name);
}

export function fieldName(field: TrafficField): string {
  if (field.kind === "direction") return "direction";
  return field.kind === "end" && field.role !== "own" ? `${field.role}.${field.field}` : field.field;
}

/** What values of a field are. */
export type ValueKind = "text" | "number" | "address" | "truth" | "word";

export function valueKindOf(field: TrafficField): ValueKind {
  if (field.kind === "direction") return "word";
  if (field.kind === "end") return field.field === "address" ? "address" : "text";
  return PACKET_VALUES[field.field];
}

const PACKET_VALUES: Readonly<Record<PacketField, ValueKind>> = {
  protocol: "number",
  service: "number",
  verdict: "word",
  exporter: "address",
  vlan: "number",
  vni: "number",
  attributed: "truth",
};

/** The known name that looks most like one that is not; undefined: none does. */
export function nearestField(name: string): string | undefined {
  const ofAnother = trafficFieldNames.find((known) => known.endsWith(`.${name.toLowerCase()}`));
  if (ofAnother !== undefined) return ofAnother;
  const near = trafficFieldNames.map((known) => ({ known, far: editsBetween(name.toLowerCase(), known) }));
  const [best] = near.sort((a, b) => a.far - b.far);
  return best !== undefined && best.far <= Math.max(2, name.length / 4) ? best.known : undefined;
}

/** Letters to change, add or leave out (Levenshtein). */
function editsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of Array.from(from).entries()) {
    const above = row;
    row = [index + 1];
    for (let column = 1; column <= to.length; column++) {
      const changed = (above[column - 1] ?? 0) + (letter === to[column - 1] ? 0 : 1);
      row.push(Math.min(changed, (above[column] ?? 0) + 1, (row[column - 1] ?? 0) + 1));
    }
  }
  return row[to.length] ?? 0;
}
