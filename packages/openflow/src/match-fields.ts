import { HoldfastError, IpAddress, MacAddress } from "@holdfast/core";
import { FIELDS, type Field, fieldMaximum, type MatchFieldName } from "./fields.ts";
import type { FieldName, Match, RegisterName } from "./flow.ts";
import { VLAN_PRESENT } from "./protocol.ts";

/** One field of a match in canonical form: bits outside the mask are zero, a mask of all ones is absent, one of all zeros is no entry. */
export interface MatchEntry {
  readonly name: FieldName | MatchFieldName;
  readonly field: Field;
  readonly value: bigint;
  readonly mask?: bigint;
}

export const REGISTERS = [
  "reg0",
  "reg1",
  "reg2",
  "reg3",
  "reg4",
  "reg5",
  "reg6",
  "reg7",
  "reg8",
  "reg9",
  "reg10",
  "reg11",
  "reg12",
  "reg13",
  "reg14",
  "reg15",
] as const;

const ETHERTYPE_IPV6 = 0x86dd;

type Key = Exclude<keyof Match, "registers" | "opaque">;

/** How one member of {@link Match} becomes one field, and back. */
export interface MatchRow {
  readonly key: Key;
  readonly name: FieldName | MatchFieldName;
  /** Which of the rows of one member holds for a match; absent: the only one. */
  readonly applies?: (match: Match) => boolean;
  readonly maskable: boolean;
  readonly toNumber: (value: never) => bigint;
  readonly fromNumber: (value: bigint) => unknown;
}

const isV6 =
  (key: "tunnelSource" | "ipSrc" | "ipDst", wanted: boolean) =>
  (match: Match): boolean => {
    const given = match[key];
    const address = typeof given === "object" ? given.value : given;
    return address !== undefined && (IpAddress.family(address) === "v6") === wanted;
  };
const ofV6Packet =
  (wanted: boolean) =>
  (match: Match): boolean =>
    (match.ethType === ETHERTYPE_IPV6) === wanted;

/** In the order of the wire, where a field follows its prerequisites. */
export const MATCH_ROWS: readonly MatchRow[] = [
  number("inPort", "in_port_oxm", false),
  {
    key: "metadata",
    name: "metadata",
    maskable: true,
    toNumber: (value: bigint) => value,
    fromNumber: (value) => value,
  },
  {
    key: "tunnelId",
    name: "tun_id",
    maskable: false,
    toNumber: (value: bigint) => value,
    fromNumber: (value) => value,
  },
  { ...address("tunnelSource", "tun_src", "v4", false), applies: isV6("tunnelSource", false) },
  { ...address("tunnelSource", "tun_ipv6_src", "v6", false), applies: isV6("tunnelSource", true) },
  mac("ethDst", "eth_dst", true),
  mac("ethSrc", "eth_src", true),
  number("ethType", "eth_type", false),
  { key: "vlan", name: "vlan_vid", maskable: false, toNumber: vlanToNumber, fromNumber: vlanFromNumber },
  number("ipProto", "ip_proto", false),
  number("ipTtl", "ip_ttl", false),
  { ...address("ipSrc", "ip_src", "v4"), applies: isV6("ipSrc", false) },
  { ...address("ipSrc", "ipv6_src", "v6"), applies: isV6("ipSrc", true) },
  { ...address("ipDst", "ip_dst", "v4"), applies: isV6("ipDst", false) },
  { ...address("ipDst", "ipv6_dst", "v6"), applies: isV6("ipDst", true) },
  number("tcpSrc", "tcp_src", true),
  number("tcpDst", "tcp_dst", true),
  number("udpSrc", "udp_src", true),
  number("udpDst", "udp_dst", true),
  number("sctpSrc", "sctp_src", true),
  number("sctpDst", "sctp_dst", true),
  number("tcpFlags", "tcp_flags", true),
  number("ctState", "ct_state", true),
  number("ctMark", "ct_mark", true),
  number("conjunction", "conj_id", false),
  { ...number("icmpType", "icmp_type", false), applies: ofV6Packet(false) },
  { ...number("icmpType", "icmpv6_type", false), applies: ofV6Packet(true) },
  { ...number("icmpCode", "icmp_code", false), applies: ofV6Packet(false) },
  { ...number("icmpCode", "icmpv6_code", false), applies: ofV6Packet(true) },
  number("arpOp", "arp_op", false),
  address("arpSpa", "arp_spa", "v4"),
  address("arpTpa", "arp_tpa", "v4"),
  mac("arpSha", "arp_sha", false),
  mac("arpTha", "arp_tha", false),
  address("ndTarget", "nd_target", "v6"),
  mac("ndSll", "nd_sll", false),
  mac("ndTll", "nd_tll", false),
  number("ndOptionsType", "nd_options_type", false),
];

/** The fields of a match, canonical and in the order of the wire; `opaque` is not among them. */
export function matchEntries(match: Match): MatchEntry[] {
  const entries: MatchEntry[] = [];
  for (const row of MATCH_ROWS) {
    const given = match[row.key];
    if (given === undefined || row.applies?.(match) === false) continue;
    add(entries, row.name, isMasked(given) ? row.toNumber(given.value as never) : row.toNumber(given as never), {
      mask: isMasked(given) ? row.toNumber(given.mask as never) : undefined,
    });
  }
  for (const name of match.registers === undefined ? [] : REGISTERS) {
    const given = match.registers?.[name];
    if (given === undefined) continue;
    if (typeof given === "number") add(entries, name, BigInt(given), { mask: undefined });
    else add(entries, name, BigInt(given.value), { mask: BigInt(given.mask) });
  }
  return entries;
}

/** The match that the entries say; entries that no member of {@link Match} can say come back as `rest`. */
export function matchOfEntries(entries: readonly MatchEntry[]): { match: Match; rest: readonly MatchEntry[] } {
  const match: Partial<Record<keyof Match, unknown>> = {};
  const registers: Partial<Record<RegisterName, unknown>> = {};
  const rest: MatchEntry[] = [];
  for (const entry of entries) {
    if (isRegister(entry.name)) {
      registers[entry.name] =
        entry.mask === undefined ? Number(entry.value) : { value: Number(entry.value), mask: Number(entry.mask) };
      match.registers = registers;
      continue;
    }
    const row = ROW_OF_FIELD.get(entry.name);
    const value = row?.fromNumber(entry.value);
    if (row === undefined || value === undefined || (entry.mask !== undefined && !row.maskable)) rest.push(entry);
    else match[row.key] = entry.mask === undefined ? value : { value, mask: row.fromNumber(entry.mask) };
  }
  // Each row made the value of its own key.
  return { match: match as Match, rest };
}

const ROW_OF_FIELD: ReadonlyMap<string, MatchRow> = new Map(MATCH_ROWS.map((row) => [row.name, row]));

function add(
  entries: MatchEntry[],
  name: FieldName | MatchFieldName,
  value: bigint,
  { mask }: { mask: bigint | undefined },
): void {
  const field = FIELDS[name];
  const maximum = fieldMaximum(field);
  for (const number of [value, mask ?? 0n]) {
    if (number < 0n || number > maximum) {
      throw new HoldfastError("invalid_argument", `${number} does not fit the ${field.bytes} bytes of ${field.name}`);
    }
  }
  if (mask === undefined || mask === maximum) entries.push({ name, field, value });
  else if (mask !== 0n) entries.push({ name, field, value: value & mask, mask });
}

function isMasked(given: unknown): given is { readonly value: unknown; readonly mask: unknown } {
  return typeof given === "object" && given !== null;
}

export function isRegister(name: string): name is RegisterName {
  return (REGISTERS as readonly string[]).includes(name);
}

function number(key: Key, name: FieldName | MatchFieldName, maskable: boolean): MatchRow {
  return { key, name, maskable, toNumber: (value: number) => BigInt(value), fromNumber: Number };
}

function mac(key: Key, name: FieldName, maskable: boolean): MatchRow {
  return { key, name, maskable, toNumber: macToNumber, fromNumber: macFromNumber };
}

function address(key: Key, name: FieldName, family: "v4" | "v6", maskable = true): MatchRow {
  return {
    key,
    name,
    maskable,
    toNumber: (value: IpAddress) => {
      if (IpAddress.family(value) !== family) {
        throw new HoldfastError("invalid_argument", `${name} takes an IP${family} address, not ${value}`);
      }
      return IpAddress.toBigInt(value);
    },
    fromNumber: (value) => IpAddress.fromBigInt(family, value),
  };
}

export function macToNumber(value: MacAddress): bigint {
  return BigInt(`0x${value.replaceAll(":", "")}`);
}

export function macFromNumber(value: bigint): MacAddress {
  const hex = value.toString(16).padStart(12, "0");
  return MacAddress.parse(hex.replace(/..(?!$)/g, "$&:"));
}

function vlanToNumber(value: number | "none"): bigint {
  if (value === "none") return 0n;
  if (!Number.isInteger(value) || value < 0 || value > 4095) {
    throw new HoldfastError("invalid_argument", `not a VLAN id: ${value}`);
  }
  return BigInt(VLAN_PRESENT | value);
}

function vlanFromNumber(value: bigint): number | "none" | undefined {
  if (value === 0n) return "none";
  return value & BigInt(VLAN_PRESENT) ? Number(value) & 0xfff : undefined;
}
