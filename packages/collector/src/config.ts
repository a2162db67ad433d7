import {
  Cidr,
  HoldfastError,
  option,
  parseBearerToken,
  parseHttpAddress,
  parseListenAddress,
  parseLogLevel,
} from "@holdfast/core";
import type { ListContent } from "./list/flow-document.ts";
import type { NamedPrefix } from "./naming/named-prefixes.ts";
import type { StreamRole } from "./stream/stream-options.ts";
import { parseAllowedDestinations } from "./webhooks/allowed.ts";

/** Options of the collector; section `collector` of the configuration file. */
export const collectorOptions = {
  server: option.value(
    "Base address of the controller that knows whose addresses are.",
    "URL",
    "http://127.0.0.1:4653",
    (text) => parseHttpAddress(text, "--controller-token"),
  ),
  controllerToken: option.optional("Bearer token for the controller. Absent: none is sent.", "TEXT", (text) => text),
  names: option.flag("Follow the controller; without it, only named prefixes have names.", true),
  listen: option.value("Where sFlow is taken, UDP.", "ADDRESS:PORT", "0.0.0.0:6343", parseListenAddress),
  status: option.value(
    "Where /healthz, /readyz, /metrics and questions about flows are served.",
    "ADDRESS:PORT",
    "127.0.0.1:4655",
    parseListenAddress,
  ),
  receiveBuffer: option.integer(
    "Bytes of datagrams that the kernel holds when they come faster than they are taken; more than net.core.rmem_max needs CAP_NET_ADMIN.",
    32 * 1024 * 1024,
    { min: 4096, max: 1024 * 1024 * 1024 },
  ),
  settle: option.duration(
    "How long samples are held back, so that news of who has an address is there before what it explains.",
    "2s",
  ),
  holdMemory: option.integer(
    "Bytes of memory for samples that are held back; beyond it the oldest are read early.",
    128 * 1024 * 1024,
    { min: 0, max: 16 * 1024 * 1024 * 1024 },
  ),
  prefixes: option.value(
    "Names of prefixes outside, separated by commas; the longest that holds an address names it.",
    "NAME=PREFIX[,NAME=PREFIX]",
    "",
    parseNamedPrefixes,
  ),
  redis: option.optional(
    "Redis through which datagrams go, so that they outlive this process and are shared by several; rediss:// is TLS. Absent: they go through memory.",
    "URL",
    parseRedisUrl,
  ),
  redisPasswordFile: option.optional("File with the password for Redis. Absent: none is sent.", "FILE", (text) => text),
  redisCaFile: option.optional(
    "PEM file of who signs the certificate of Redis. Absent: as the system trusts.",
    "FILE",
    (text) => text,
  ),
  redisStream: option.value(
    "Key of the stream in Redis; none: datagrams go through memory all the same.",
    "KEY",
    "holdfast:sflow",
    parseRedisKey,
  ),
  redisStreamMemory: option.integer(
    "MiB of Redis' memory that the stream may have, at most four fifths of what its maxmemory leaves; beyond it the oldest datagrams go, and those nobody had read are counted as lost.",
    1024,
    { min: 1, max: 1024 * 1024 },
  ),
  redisRole: option.value(
    "What this process does of the way through Redis: receiver takes sFlow, worker reads the stream; both does both.",
    "ROLE",
    "both",
    parseStreamRole,
  ),
  redisList: option.optional(
    "Key of a list in Redis that flows are put into as JSON, for Logstash and others to take. Absent: there is none.",
    "KEY",
    parseRedisKey,
  ),
  redisListContent: option.value(
    "What the list has: windows, a document for each kind of traffic of each window; samples, one for each sampled packet that is kept.",
    "CONTENT",
    "windows",
    parseListContent,
  ),
  redisListLength: option.integer(
    "Documents that the list has at most; beyond it the oldest go, and are counted as dropped.",
    1_000_000,
    { min: 1, max: 1_000_000_000 },
  ),
  store: option.text(
    "File that keeps traffic, created when absent; none: nothing is kept.",
    "FILE",
    "/var/lib/holdfast/flows.db",
  ),
  opensearch: option.optional(
    "Keep traffic in OpenSearch or Elasticsearch at these addresses, and not in a file; windows are 10 seconds then.",
    "URL[,URL]",
    parseServerAddresses,
  ),
  opensearchPrefix: option.value(
    "What the names of its data streams begin with; each collector has its own.",
    "NAME",
    "holdfast-flows",
    parseStreamPrefix,
  ),
  opensearchUser: option.optional("Who asks it, with a password. Absent: nobody.", "NAME", (text) => text),
  opensearchPasswordFile: option.optional("File whose first line is the password.", "FILE", (text) => text),
  opensearchKeyFile: option.optional("File whose first line is an API key, encoded.", "FILE", (text) => text),
  opensearchCa: option.optional(
    "File of the certificates (PEM) that its own is signed by. Absent: those that Node knows.",
    "FILE",
    (text) => text,
  ),
  storeMemory: option.integer("MiB of memory that the store may take.", 512, { min: 64, max: 1024 * 1024 }),
  keepWindows: option.duration("How long windows are kept as they come.", "6h"),
  keepMinutes: option.duration("How long sums of minutes are kept.", "7d"),
  keepHours: option.duration("How long sums of hours are kept.", "400d"),
  windowSamples: option.integer("Sampled packets that are kept one by one of each 2 seconds; of more, some.", 400, {
    min: 0,
    max: 100_000,
  }),
  keepSamples: option.duration("How long single samples are kept.", "30m"),
  alarms: option.text(
    "File that keeps alarms, their states and their history, created when absent; none: there are none.",
    "FILE",
    "/var/lib/holdfast/flow-alarms.db",
  ),
  webhookAllow: option.value(
    "Where alarms of tenants may send to although it is a loopback or link-local address, or a machine of the platform: prefixes and hosts, separated by commas.",
    "PREFIX[,HOST]",
    "",
    parseAllowedDestinations,
  ),
  token: option.optional(
    "Bearer token that questions about flows must carry. Absent: only who comes from this machine may ask.",
    "TOKEN",
    parseBearerToken,
  ),
  endpointMetrics: option.integer(
    "Identities that have counters of their own in /metrics; those that come later are counted together. 0: none have.",
    500,
    { min: 0, max: 100_000 },
  ),
  logLevel: option.value(
    "Least severe events that are logged: debug, info, warn or error.",
    "LEVEL",
    "info",
    parseLogLevel,
  ),
} as const;

const STREAM_PREFIX = /^[a-z][a-z0-9_-]{0,62}$/;

function parseStreamPrefix(text: string): string {
  if (STREAM_PREFIX.test(text)) return text;
  throw new HoldfastError(
    "invalid_argument",
    `${JSON.stringify(text)} begins no data stream; it is a small letter, then small letters, digits, - and _, 63 at most`,
  );
}

/** What is wrong with an address is said without the address: it may have a password, also where it cannot be parsed. */
function parseServerAddresses(text: string): readonly URL[] {
  return text.split(",").map((part) => {
    const address = URL.canParse(part.trim()) ? new URL(part.trim()) : undefined;
    if (address === undefined || !["http:", "https:"].includes(address.protocol)) {
      throw new HoldfastError("invalid_argument", "not http://HOST:PORT or https://HOST:PORT, with commas between");
    }
    if (address.username !== "" || address.password !== "") {
      const remedy = "say who asks by --opensearch-user and --opensearch-password-file";
      throw new HoldfastError("invalid_argument", `an address has no password in it; ${remedy}`);
    }
    if (address.pathname !== "/" || address.search !== "" || address.hash !== "") {
      throw new HoldfastError("invalid_argument", "an address ends with its port; leave out the path behind it");
    }
    return address;
  });
}

const ROLES = ["both", "receiver", "worker"] as const satisfies readonly StreamRole[];

function parseStreamRole(text: string): StreamRole {
  const role = ROLES.find((one) => one === text);
  if (role !== undefined) return role;
  throw new HoldfastError("invalid_argument", `${JSON.stringify(text)} is none of ${ROLES.join(", ")}`);
}

const CONTENTS = ["windows", "samples"] as const satisfies readonly ListContent[];

function parseListContent(text: string): ListContent {
  const content = CONTENTS.find((one) => one === text);
  if (content !== undefined) return content;
  throw new HoldfastError("invalid_argument", `${JSON.stringify(text)} is none of ${CONTENTS.join(", ")}`);
}

/** What is wrong with a URL is said without the URL: it may have a password. */
function parseRedisUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["redis:", "rediss:"].includes(url.protocol) || url.hostname === "")
    throw new HoldfastError("invalid_argument", "not redis://HOST:PORT or rediss://HOST:PORT");
  if (!/^(\/\d*)?$/.test(url.pathname))
    throw new HoldfastError("invalid_argument", "what follows the port is the number of a database, e.g. /2");
  // A password with one of these in it ends there, and what is before it would be taken, and told, for the host.
  if (/[?#]/.test(text))
    throw new HoldfastError("invalid_argument", "neither ? nor # belongs to it; in a password they are %3F and %23");
  return text;
}

function parseRedisKey(text: string): string {
  if (/^[\w.:{}-]{1,200}$/.test(text)) return text;
  throw new HoldfastError(
    "invalid_argument",
    `${JSON.stringify(text)} is no key: 1 to 200 letters, digits and any of . : _ - { }`,
  );
}

const PREFIX_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

function parseNamedPrefixes(text: string): readonly NamedPrefix[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const [name = "", prefix = "", ...rest] = part.split("=");
      if (PREFIX_NAME.test(name) && rest.length === 0) return { name, prefix: Cidr.parse(prefix) };
      throw new HoldfastError(
        "invalid_argument",
        `${JSON.stringify(part)} is not NAME=PREFIX, e.g. office=192.0.2.0/24`,
      );
    });
}
