import { Identity } from "@holdfast/core";

/** What the runtime calls a workload; nobody has asked for anything with it. */
export interface WorkloadName {
  /** E.g. `"prod/redis-0"`. */
  readonly identity: Identity;
  /** Whether one workload at a time has this name, so that an address can be kept for it. */
  readonly isOne: boolean;
}

/**
 * Of a Kubernetes pod its namespace and name. Of a podman container its name, which another machine may have as well. Of a Nomad group its namespace, job and group, which all its allocations share, unless
 * `NOMAD_ALLOC_INDEX` tells them apart. Undefined: there is none, or it cannot be an identity.
 */
export function workloadName(args: ReadonlyMap<string, string>): WorkloadName | undefined {
  const [namespace, podName] = [args.get("K8S_POD_NAMESPACE"), args.get("K8S_POD_NAME")];
  const pod = joined(namespace === undefined ? [podName] : [namespace, podName]);
  if (pod !== undefined) return { identity: pod, isOne: namespace !== undefined };
  const group = [args.get("NOMAD_NAMESPACE") ?? "default", args.get("NOMAD_JOB_ID"), args.get("NOMAD_GROUP_NAME")];
  const index = args.get("NOMAD_ALLOC_INDEX");
  const identity = joined(index === undefined ? group : [...group, index]);
  return identity === undefined ? undefined : { identity, isOne: index !== undefined };
}

function joined(parts: readonly (string | undefined)[]): Identity | undefined {
  // A part with a slash would be another workload's name.
  if (parts.some((part) => part === undefined || part.includes("/"))) return undefined;
  try {
    return Identity.parse(parts.join("/"));
  } catch {
    return undefined;
  }
}
