import { Name } from "@holdfast/core";
import { z } from "zod";
import { CniError, CniErrorCode } from "./cni-error.ts";
import { type CniVersion, isCniVersion, SUPPORTED_VERSIONS } from "./versions.ts";

const name = z.string().transform((text, context) => {
  try {
    return Name.parse(text);
  } catch (error) {
    context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
    return z.NEVER;
  }
});

const protocol = z
  .string()
  .default("tcp")
  .transform((text) => text.toLowerCase())
  .pipe(z.enum(["tcp", "udp", "sctp"]));

const amount = z.int().min(0).nullish();

const port = z.int().min(1).max(65_535);

/** containerd's keys begin with a capital, `HostPort`: to programs in Go that is the same key. */
function inGo<T extends z.ZodObject>(schema: T) {
  return z.preprocess((value) => {
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).map(([key, own]) => [`${key.charAt(0).toLowerCase()}${key.slice(1)}`, own]);
    return Object.fromEntries(entries) as unknown;
  }, schema);
}

/** The capability by which containerd hands on all annotations of a pod. */
export const ANNOTATIONS = "io.kubernetes.cri.pod-annotations";

/** Conventions of capabilities: github.com/containernetworking/cni, CONVENTIONS.md. Those that are not named here stay; ADD refuses some. */
const runtimeConfigSchema = z.looseObject({
  /** Addresses that are asked for, each with or without a length. */
  ips: z.array(z.string()).optional(),
  mac: z.string().optional(),
  /** For each address that is asked for, where it may lie; both ends of a range may be left out. */
  ipRanges: z
    .array(
      z.array(z.object({ subnet: z.string(), rangeStart: z.string().optional(), rangeEnd: z.string().optional() })),
    )
    .optional(),
  portMappings: z
    .array(inGo(z.object({ hostPort: port, containerPort: port, protocol, hostIP: z.string().optional() })))
    .optional(),
  /** Bits per second, and bits at once; 0: no limit. */
  bandwidth: inGo(
    z.object({
      ingressRate: amount,
      ingressBurst: amount,
      egressRate: amount,
      egressBurst: amount,
    }),
  ).optional(),
  dns: inGo(
    z.object({
      servers: z.array(z.string()).optional(),
      searches: z.array(z.string()).optional(),
      options: z.array(z.string()).optional(),
    }),
  ).optional(),
  [ANNOTATIONS]: z.record(z.string(), z.string()).optional(),
});

/** What a configuration may declare, so that runtimes hand it over in `runtimeConfig`: all that is read. */
export const CAPABILITIES: readonly string[] = Object.keys(runtimeConfigSchema.shape);

const attachmentSchema = z.object({ containerID: z.string(), ifname: z.string() });

const configSchema = z.object({
  name: z.string(),
  type: z.string().default("holdfast"),
  /** Ours: the tenant; absent: `default`. */
  tenant: name.default(Name.parse("default")),
  /** Ours: the Holdfast network; absent: the one that is called like the configuration. */
  network: name.optional(),
  /** Ours: whether this interface has the container's default routes. Absent: it has those that no interface before it has. */
  defaultRoute: z.boolean().optional(),
  /** Ours: whether what the runtime calls a workload, e.g. a pod's namespace and name, is its identity when nobody says another. */
  useNames: z.boolean().default(true),
  /** Handed on in the result. */
  dns: z
    .object({
      nameservers: z.array(z.string()).optional(),
      domain: z.string().optional(),
      search: z.array(z.string()).optional(),
      options: z.array(z.string()).optional(),
    })
    .optional(),
  runtimeConfig: runtimeConfigSchema.default({}),
  args: z.record(z.string(), z.unknown()).default({}),
  /** What plugins before this one have made; read by its version. */
  prevResult: z.record(z.string(), z.unknown()).optional(),
  /** For GC: attachments that are to stay. Absent is not the same as none. */
  "cni.dev/valid-attachments": z.array(attachmentSchema).optional(),
});

/** A plugin's configuration as the runtime gives it on standard input. Keys that are not named here are for others. */
export interface NetworkConfig extends z.output<typeof configSchema> {
  readonly cniVersion: CniVersion;
}

/** Where a runtime says no version, it speaks the oldest. */
const UNSAID_VERSION = "0.1.0";
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/**
 * With `only`, what else is said is passed over.
 *
 * @throws CniError for text that is not JSON, for a version that is not spoken, and for fields that are wrong, which it names.
 */
export function readNetworkConfig(stdin: string, only?: readonly string[]): NetworkConfig {
  const said = decode(stdin);
  const raw =
    only === undefined ? said : Object.fromEntries(Object.entries(said).filter(([key]) => only.includes(key)));
  const cniVersion = raw.cniVersion ?? UNSAID_VERSION;
  if (typeof cniVersion !== "string" || !isCniVersion(cniVersion)) {
    const text = `CNI version ${JSON.stringify(cniVersion)} is not supported; use one of ${SUPPORTED_VERSIONS.join(", ")}`;
    throw new CniError(CniErrorCode.incompatibleVersion, text);
  }
  if (raw.name === undefined || raw.name === "") throw invalid('the network configuration has no "name"');
  const { data, error } = configSchema.safeParse(raw);
  if (error !== undefined) throw invalid(issuesText(error));
  if (!NAME.test(data.name)) {
    throw invalid(
      `name ${JSON.stringify(data.name)} is not letters, digits, "_", "." and "-" behind a letter or digit`,
    );
  }
  return { ...data, cniVersion };
}

/** The version in a configuration that may be wrong otherwise, for the answer that says so. */
export function versionOf(stdin: string): string | undefined {
  try {
    const { cniVersion } = decode(stdin);
    return typeof cniVersion === "string" ? cniVersion : undefined;
  } catch {
    return undefined;
  }
}

function decode(stdin: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(stdin, withoutNull);
  } catch (cause) {
    throw new CniError(CniErrorCode.undecodable, `standard input is not JSON: ${quoted(stdin)}`, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new CniError(CniErrorCode.undecodable, `standard input is not a JSON object: ${quoted(stdin)}`);
}

/** Runtimes are written in Go, where what is not there may be `null`: a pod without annotations has `null` of them. */
function withoutNull(_: string, value: unknown): unknown {
  return value === null ? undefined : value;
}

function quoted(text: string): string {
  return text.trim() === "" ? "it is empty" : JSON.stringify(text.slice(0, 80));
}

function issuesText(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
}

function invalid(message: string): CniError {
  return new CniError(CniErrorCode.invalidConfig, message);
}
