import { z } from "zod";
import { CniError, CniErrorCode } from "../protocol/cni-error.ts";
import type { SandboxCall } from "../protocol/invocation.ts";
import { ANNOTATIONS } from "../protocol/network-config.ts";

/** What people may ask for, each as `holdfast.io/KEY`. */
export type WishKey = "identity" | "network" | "ip" | "retention" | "qos" | "labels";

/** One of the places where something is asked for, and what it says. */
export interface Saying {
  /** E.g. `"the annotation holdfast.io/ip"`. */
  readonly by: string;
  readonly text: string;
}

const PREFIX = "holdfast.io/";

/** Keys of `CNI_ARGS` for what has no key that others use. */
const OWN_ARGS = {
  identity: "HOLDFAST_IDENTITY",
  network: "HOLDFAST_NETWORK",
  retention: "HOLDFAST_RETENTION",
  labels: "HOLDFAST_LABELS",
} as const;

/** Mesos leaves out an empty value. */
const labels = z.array(z.object({ key: z.string(), value: z.string().default("") }));

/** What Mesos hands on of a task's network, and the conventions' `args.cni` (github.com/containernetworking/cni, CONVENTIONS.md). */
const argsSchema = z.object({
  "org.apache.mesos": z
    .object({
      network_info: z
        .object({
          labels: z.object({ labels: labels.default([]) }).optional(),
          ip_addresses: z.array(z.object({ ip_address: z.string().optional() })).optional(),
        })
        .optional(),
    })
    .optional(),
  cni: z.object({ labels: labels.optional(), ips: z.array(z.string()).optional() }).optional(),
});

/**
 * Everything that is said about one thing, in the order in which it counts: annotation, label, `CNI_ARGS`. Annotations and labels may begin with the
 * name of the interface, `net1.holdfast.io/ip`: then they are for this one alone, and what is said for all does not count for it.
 *
 * @throws CniError for `args` of another shape.
 */
export function sayingsAbout(key: WishKey, call: SandboxCall): readonly Saying[] {
  const { config, workload, args } = call;
  const annotations = Object.entries(config.runtimeConfig[ANNOTATIONS] ?? {});
  const labelled = labelsOf(call).map(({ name, text }) => [name, text] as const);
  const own = key in OWN_ARGS ? OWN_ARGS[key as keyof typeof OWN_ARGS] : undefined;
  const argument = own === undefined ? undefined : args.get(own);
  return [
    ...forInterface(annotations, key, workload.ifName).map(([name, text]) => ({ by: `the annotation ${name}`, text })),
    ...forInterface(labelled, key, workload.ifName).map(([name, text]) => ({ by: `the label ${name}`, text })),
    ...(argument === undefined ? [] : [{ by: `${own} in CNI_ARGS`, text: argument }]),
  ];
}

/** Labels that ask for nothing: what the runtime knows the workload by. @throws CniError for `args` of another shape. */
export function plainLabels(call: SandboxCall): readonly (Saying & { readonly name: string })[] {
  return labelsOf(call).filter(({ name }) => !name.startsWith(PREFIX) && !name.includes(`.${PREFIX}`));
}

/** Addresses that are asked for, behind those of {@link sayingsAbout} `ip`. */
export function addressSayings(call: SandboxCall): readonly Saying[] {
  const { cni, "org.apache.mesos": mesos } = readArgs(call);
  const ofMesos = mesos?.network_info?.ip_addresses?.flatMap(({ ip_address: address }) => address ?? []) ?? [];
  const lists = [
    { by: "IP in CNI_ARGS", texts: call.args.get("IP")?.split(",") ?? [] },
    { by: "args.cni.ips", texts: cni?.ips ?? [] },
    { by: "ip_addresses of Mesos", texts: ofMesos },
    { by: "the capability ips", texts: call.config.runtimeConfig.ips ?? [] },
  ];
  return lists.filter(({ texts }) => texts.length > 0).map(({ by, texts }) => ({ by, text: texts.join(",") }));
}

/**
 * What all of them say; undefined: none says anything.
 *
 * @throws CniError when two say different things, or one says nothing that can be read.
 */
export function agreed<T>(
  sayings: readonly Saying[],
  read: (text: string) => T,
  asText: (value: T) => string = String,
): T | undefined {
  const [first, ...others] = sayings.map((saying) => ({ ...saying, value: readSaying(saying, read) }));
  if (first === undefined) return undefined;
  const other = others.find(({ value }) => asText(value) !== asText(first.value));
  if (other === undefined) return first.value;
  const quoted = ({ by, text }: Saying): Saying => ({ by, text: JSON.stringify(text) });
  throw disagreement(quoted(first), quoted(other));
}

/** Two that cannot both be right. */
export function disagreement(one: Saying, other: Saying): CniError {
  const text = `${one.by} says ${one.text}, and ${other.by} says ${other.text}`;
  return new CniError(CniErrorCode.invalidConfig, `${text}; leave one of them out, or let both say the same`);
}

/** @throws CniError that names who says it. */
export function readSaying<T>({ by, text }: Saying, read: (text: string) => T): T {
  try {
    return read(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CniError(CniErrorCode.invalidConfig, `${by} says ${JSON.stringify(text.slice(0, 80))}: ${why}`, {
      cause,
    });
  }
}

function forInterface(
  entries: readonly (readonly [string, string])[],
  key: WishKey,
  ifName: string,
): readonly (readonly [string, string])[] {
  const own = entries.filter(([name]) => name === `${ifName}.${PREFIX}${key}`);
  return own.length > 0 ? own : entries.filter(([name]) => name === PREFIX + key);
}

function labelsOf(call: SandboxCall): readonly (Saying & { readonly name: string })[] {
  const { cni, "org.apache.mesos": mesos } = readArgs(call);
  const all = [...(mesos?.network_info?.labels?.labels ?? []), ...(cni?.labels ?? [])];
  return all.map(({ key: name, value: text }) => ({ by: `the label ${name}`, name, text }));
}

function readArgs({ config }: SandboxCall): z.output<typeof argsSchema> {
  const { data, error } = argsSchema.safeParse(config.args);
  if (data !== undefined) return data;
  const text = error.issues.map(({ path, message }) => `args.${path.join(".")}: ${message}`).join("; ");
  throw new CniError(CniErrorCode.invalidConfig, text);
}
