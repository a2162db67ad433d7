import {
  HoldfastError,
  type OptionValues,
  option,
  parseBearerToken,
  parseHttpAddress,
  parseListenAddress,
  parseLogLevel,
} from "@holdfast/core";
import { parseFlowTargets } from "@holdfast/model";
import type { SegmentRange } from "./platform.ts";

/** Options of the controller, defined once. */
export const controllerOptions = {
  listen: option.value("Address and port of the REST API.", "ADDRESS:PORT", "127.0.0.1:4653", parseListenAddress),
  data: option.text("File that keeps everything; created when absent.", "FILE", "/var/lib/holdfast/controller.db"),
  token: option.optional(
    "Bearer token that every request must carry. Absent: none, which is only allowed on a loopback address.",
    "TOKEN",
    parseBearerToken,
  ),
  collector: option.value(
    "Base address of the collector that answers questions about flows.",
    "URL",
    "http://127.0.0.1:4655",
    (text) => parseHttpAddress(text, "--collector-token"),
  ),
  collectorToken: option.optional("Bearer token that the collector asks for. Absent: none.", "TOKEN", parseBearerToken),
  insecure: option.flag("Listen on an address that others can reach without a token."),
  nodeTimeout: option.duration(
    "A node that was not heard of for this long is silent: its claims may be bound elsewhere.",
    "60s",
  ),
  reservationTimeout: option.duration(
    "How long an endpoint may stay reserved before its node is asked about it.",
    "5m",
  ),
  vlanRange: option.value("VLAN ids for networks that name none.", "FIRST-LAST", "100-3999", (text) =>
    parseRange(text, 4094),
  ),
  vxlanRange: option.value(
    "VXLAN network identifiers for networks that name none.",
    "FIRST-LAST",
    "10000-16777215",
    (text) => parseRange(text, 0xffffff),
  ),
  enforcePolicies: option.flag(
    "Take policies that are to be enforced. With false only staged ones are taken, and no default that denies; what is enforced already stays so.",
    true,
  ),
  gc: option.flag("Look for leaks unasked, and repair what two observations have proven.", true),
  gcInterval: option.duration("Time between two looks for leaks.", "5m"),
  gcGrace: option.duration(
    "Time between the two observations that prove a leak; also for holdfast ip verify --fix.",
    "1m",
  ),
  requestsAtOnce: option.integer(
    "Requests that are worked on at once; the others wait, and tenants take turns. Those of agents do not count.",
    128,
    { min: 1, max: 100_000 },
  ),
  requestsWaiting: option.integer(
    "Requests of one tenant that may wait; who sends more is told to come again later (429).",
    512,
    { min: 0, max: 1_000_000 },
  ),
  tenantRate: option.integer("Requests that one tenant may make in a second; 0: any number.", 0, {
    min: 0,
    max: 1_000_000,
  }),
  sflowTargets: option.value(
    "Collectors that the Open vSwitch of every node sends sFlow to, unless its agent says otherwise, separated by commas. Empty: nowhere.",
    "ADDRESS[:PORT][,ADDRESS[:PORT]]",
    "",
    parseFlowTargets,
  ),
  sflowSampling: option.integer("One of so many packets is sampled, unless the agent says otherwise; 1: each.", 400, {
    min: 1,
    max: 0x7fff_ffff,
  }),
  sflowPolling: option.duration(
    "Time between two samples of the counters of a switch's port, in whole seconds, unless the agent says otherwise.",
    "30s",
  ),
  beat: option.duration("Time between signs of life on feeds and watches.", "5s"),
  logLevel: option.value(
    "Least severe events that are logged: debug, info, warn or error.",
    "LEVEL",
    "info",
    parseLogLevel,
  ),
  ledgerRetention: option.duration(
    "How long the history of addresses is kept; the last entry of an address in use always is.",
    "400d",
  ),
  ledgerEntries: option.integer(
    "How many entries of that history are kept, some 300 bytes each, beside the last ones of addresses in use.",
    10_000_000,
    { min: 10_000, max: 1_000_000_000 },
  ),
} as const;
export type ControllerConfig = OptionValues<typeof controllerOptions>;

function parseRange(text: string, highest: number): SegmentRange {
  const match = /^(\d{1,8})-(\d{1,8})$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || first < 1 || last > highest || first > last) {
    throw new HoldfastError("invalid_argument", `${JSON.stringify(text)} is not FIRST-LAST within 1-${highest}`);
  }
  return { first, last };
}
