import { Identity, IpAddress, MacAddress, Name, parseInterfaceAddress } from "@holdfast/core";
import {
  type EndpointQos,
  type Labels,
  type PublishedPort,
  parseRetention,
  type Range,
  type Retention,
} from "@holdfast/model";
import { networkOf } from "../attachment-key.ts";
import { CniError, CniErrorCode } from "../protocol/cni-error.ts";
import type { SandboxCall } from "../protocol/invocation.ts";
import type { NetworkConfig } from "../protocol/network-config.ts";
import { refuseUnkept } from "./refused.ts";
import { addressSayings, agreed, sayingsAbout } from "./sayings.ts";
import { wantedBandwidth } from "./wanted-bandwidth.ts";
import { wantedLabels } from "./wanted-labels.ts";
import { wantedRange } from "./wanted-range.ts";
import { type WorkloadName, workloadName } from "./workload-name.ts";

/** What an ADD is to come to, put together from all that is said about it. */
export interface Wishes {
  readonly tenant: Name;
  readonly network: Name;
  /** Somebody has asked for just this one. */
  readonly identity?: Identity;
  /** Nobody has, and its runtime calls it so. */
  readonly name?: WorkloadName;
  /** Of a claim that is made. Absent: the network's. */
  readonly retention?: Retention;
  /** All of one claim; empty: any. */
  readonly addresses: readonly IpAddress[];
  /** Where an address is to be from, when none is named. */
  readonly range?: Range;
  readonly mac?: MacAddress;
  readonly ports: readonly PublishedPort[];
  /** The QoS profile of a claim that names none itself. */
  readonly profile?: Name;
  /** By which groups and policies choose it. Absent: none. */
  readonly labels?: Labels;
  /** Limits that its runtime wants kept, beside those of its profile. */
  readonly qos?: EndpointQos;
  /** What people know the container by, e.g. `"prod/redis-0"`. */
  readonly container: string;
}

/**
 * Reads them all before anything is taken. What counts: annotation, then label, then `CNI_ARGS`, then capability, then configuration, then what the
 * runtime calls the workload. The first four are words of somebody who wants just this, so two that differ are an error; the last two are defaults.
 *
 * @throws CniError that names who says what.
 */
export function readWishes(call: SandboxCall): Wishes {
  const { config, args, workload } = call;
  refuseUnkept(call);
  const identity = agreed(sayingsAbout("identity", call), Identity.parse);
  const network = agreed(sayingsAbout("network", call), Name.parse);
  const retention = agreed(sayingsAbout("retention", call), parseRetention, (value) => JSON.stringify(value));
  const addresses = agreed(
    [...sayingsAbout("ip", call), ...addressSayings(call)],
    (text) => text.split(",").map((each) => readAddress(each.trim())),
    (list) => list.toSorted().join(),
  );
  const mac = wantedMac(call);
  const range = wantedRange(config);
  const profile = agreed(sayingsAbout("qos", call), Name.parse);
  const labels = wantedLabels(call);
  const qos = wantedBandwidth(config);
  const called = workloadName(args);
  const name = config.useNames ? called : undefined;
  if (retention !== undefined && retention.kind !== "ephemeral" && identity === undefined && name === undefined) {
    const text = `an address is to be kept (${retention.kind}), and nothing says for whom; say holdfast.io/identity`;
    throw new CniError(CniErrorCode.invalidConfig, text);
  }
  return {
    tenant: config.tenant,
    network: network ?? networkOf(config).network,
    ...(identity === undefined ? {} : { identity }),
    ...(identity === undefined && name !== undefined ? { name } : {}),
    ...(retention === undefined ? {} : { retention }),
    addresses: addresses ?? [],
    ...(range === undefined ? {} : { range }),
    ...(mac === undefined ? {} : { mac }),
    ports: wantedPorts(config),
    ...(profile === undefined ? {} : { profile }),
    ...(labels === undefined ? {} : { labels }),
    ...(qos === undefined ? {} : { qos }),
    container: (called?.identity ?? workload.containerId).slice(0, 255),
  };
}

function wantedMac({ args, config }: SandboxCall): MacAddress | undefined {
  const said = [
    { by: "MAC in CNI_ARGS", text: args.get("MAC") },
    { by: "the capability mac", text: config.runtimeConfig.mac },
  ];
  return agreed(
    said.flatMap(({ by, text }) => (text === undefined || text === "" ? [] : [{ by, text }])),
    MacAddress.parse,
  );
}

/** Ports of the machine that are to lead to the container, by the capability `portMappings`. */
function wantedPorts({ runtimeConfig }: NetworkConfig): readonly PublishedPort[] {
  return (runtimeConfig.portMappings ?? []).map(({ hostIP = "", ...port }) => ({
    ...port,
    ...(hostIP === "" || hostIP === "0.0.0.0" || hostIP === "::" ? {} : { hostAddress: hostAddress(hostIP) }),
  }));
}

function hostAddress(text: string): IpAddress {
  const address = IpAddress.tryParse(text);
  if (address !== undefined) return address;
  throw new CniError(CniErrorCode.invalidConfig, `portMappings: hostIP ${JSON.stringify(text)} is not an IP address`);
}

/** With or without a length, which is the network's anyway. */
function readAddress(text: string): IpAddress {
  const address = text.includes("/") ? tryInterfaceAddress(text) : IpAddress.tryParse(text);
  if (address !== undefined) return address;
  throw new CniError(CniErrorCode.invalidConfig, `${JSON.stringify(text)} is asked for, which is not an IP address`);
}

function tryInterfaceAddress(text: string): IpAddress | undefined {
  try {
    return parseInterfaceAddress(text).address;
  } catch {
    return undefined;
  }
}
