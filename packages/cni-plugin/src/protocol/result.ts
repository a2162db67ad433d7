import { Cidr, IpAddress, parseInterfaceAddress } from "@holdfast/core";
import { z } from "zod";
import { CniError, CniErrorCode } from "./cni-error.ts";
import { type CniVersion, supports } from "./versions.ts";

/** What ADD has made, as in version 1.1.0 (CNI 1.1.0, section 5 "Result Types"). */
export interface CniResult {
  readonly interfaces: readonly CniInterface[];
  readonly ips: readonly CniAddress[];
  readonly routes: readonly CniRoute[];
  /** Passed on as it came. */
  readonly dns?: Readonly<Record<string, unknown>>;
}

export interface CniInterface {
  readonly name: string;
  readonly mac?: string;
  /** Bytes. */
  readonly mtu?: number;
  /** Path of its network namespace; absent: the machine's. */
  readonly sandbox?: string;
  /** Of other plugins' interfaces, for virtual machines. */
  readonly socketPath?: string;
  /** Of other plugins' interfaces. */
  readonly pciID?: string;
}

export interface CniAddress {
  /** With its length, e.g. `"10.20.0.5/16"`. */
  readonly address: string;
  readonly gateway?: string;
  /** Index into the interfaces. */
  readonly interface?: number;
}

export interface CniRoute {
  /** CIDR text. */
  readonly dst: string;
  /** Absent: the gateway of the address of its family. */
  readonly gw?: string;
  /** Bytes. */
  readonly mtu?: number;
  /** Bytes. */
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  /** As the kernel counts, e.g. 253 for `link`. */
  readonly scope?: number;
}

const interfaceAddress = z.string().refine(isInterfaceAddress, "is not an address with a length");
const address = z.string().refine((text) => IpAddress.tryParse(text) !== undefined, "is not an IP address");
const prefix = z.string().refine(isPrefix, "is not a prefix");

const resultSchema = z.object({
  interfaces: z
    .array(
      z.object({
        name: z.string(),
        mac: z.string().exactOptional(),
        mtu: z.int().exactOptional(),
        sandbox: z.string().exactOptional(),
        socketPath: z.string().exactOptional(),
        pciID: z.string().exactOptional(),
      }),
    )
    .default([]),
  ips: z
    .array(
      z.object({
        address: interfaceAddress,
        gateway: address.exactOptional(),
        interface: z.int().min(0).exactOptional(),
      }),
    )
    .default([]),
  routes: z
    .array(
      z.object({
        dst: prefix,
        gw: address.exactOptional(),
        mtu: z.int().exactOptional(),
        advmss: z.int().exactOptional(),
        priority: z.int().exactOptional(),
        table: z.int().exactOptional(),
        scope: z.int().exactOptional(),
      }),
    )
    .default([]),
  dns: z.record(z.string(), z.unknown()).exactOptional(),
});

/** Reads `prevResult`, whichever of the spoken versions it has. @throws CniError that names the field. */
export function readResult(raw: unknown): CniResult {
  const { data, error } = resultSchema.safeParse(raw);
  if (error !== undefined) {
    const text = error.issues.map(({ path, message }) => `${["prevResult", ...path].join(".")}: ${message}`).join("; ");
    throw new CniError(CniErrorCode.invalidConfig, text);
  }
  const dangling = data.ips.find((each) => each.interface !== undefined && each.interface >= data.interfaces.length);
  if (dangling === undefined) return data;
  const text = `prevResult.ips: ${dangling.address} is on interface ${dangling.interface}, and there are ${data.interfaces.length}`;
  throw new CniError(CniErrorCode.invalidConfig, text);
}

/** A result in the words of a version. What the version has no word for is left out. */
export function resultOutput({ interfaces, ips, routes, dns }: CniResult, version: CniVersion): string {
  const details = supports(version, "details");
  return JSON.stringify({
    cniVersion: version,
    interfaces: interfaces.map(({ name, mac, sandbox, ...rest }) => ({
      name,
      ...(mac === undefined ? {} : { mac }),
      ...(sandbox === undefined ? {} : { sandbox }),
      ...(details ? rest : {}),
    })),
    ips: supports(version, "familyImplied")
      ? ips
      : ips.map((each) => ({ version: familyNumber(each.address), ...each })),
    routes: routes.map(({ dst, gw, ...rest }) => ({
      dst,
      ...(gw === undefined ? {} : { gw }),
      ...(details ? rest : {}),
    })),
    dns: dns ?? {},
  });
}

function familyNumber(text: string): "4" | "6" {
  return text.includes(":") ? "6" : "4";
}

function isInterfaceAddress(text: string): boolean {
  try {
    parseInterfaceAddress(text);
    return true;
  } catch {
    return false;
  }
}

function isPrefix(text: string): boolean {
  try {
    Cidr.parse(text);
    return true;
  } catch {
    return false;
  }
}
