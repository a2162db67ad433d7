import { CONTAINERD_SOCKET } from "../containerd.ts";
import type { LabHost } from "../host.ts";
import type { Lab } from "../lab.ts";
import { CGROUP_PREFIX } from "../record.ts";
import { all, call, type Field, inside, type Read, textOf } from "./grpc.ts";

/** What kubelet says of a pod. */
export interface Pod {
  readonly name: string;
  /** Absent: `default`. */
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly hostPort: number; readonly containerPort: number }[];
}

/** A container runtime as kubelet sees it. */
export interface Cri {
  /** Starts the sandbox of a pod; gives its id. @throws Error with what the runtime says. */
  runPodSandbox(pod: Pod): Promise<string>;
  /** Takes its network away; the rest of it stays. */
  stopPodSandbox(id: string): Promise<void>;
  removePodSandbox(id: string): Promise<void>;
  /** The pod's first address; empty: it has none. */
  podAddress(id: string): Promise<string>;
  /** Whether the runtime says that its network is ready, which makes a node Ready. */
  isNetworkReady(): Promise<boolean>;
}

/**
 * What kubelet asks of a container runtime (CRI, `runtime.v1`), of the containerd of a lab host whose lab has `cri`. Numbers are those of fields in `api.proto`
 * (github.com/kubernetes/cri-api).
 */
export function createCri(lab: Lab, host: LabHost): Cri {
  const cgroupParent = `/${CGROUP_PREFIX}${lab.record.id}/${host.name}`;
  const ask = async (method: string, request: readonly Field[]): Promise<Read> =>
    await call(host.path(CONTAINERD_SOCKET), `/runtime.v1.RuntimeService/${method}`, request);
  return {
    async runPodSandbox(pod: Pod): Promise<string> {
      return textOf(await ask("RunPodSandbox", [[1, podConfig(pod, cgroupParent)]]), 1);
    },
    async stopPodSandbox(id: string): Promise<void> {
      await ask("StopPodSandbox", [[1, id]]);
    },
    async removePodSandbox(id: string): Promise<void> {
      await ask("RemovePodSandbox", [[1, id]]);
    },
    async podAddress(id: string): Promise<string> {
      return textOf(inside(inside(await ask("PodSandboxStatus", [[1, id]]), 1), 5), 1);
    },
    async isNetworkReady(): Promise<boolean> {
      // containerd serves before CRI does, and refuses until then.
      const status = await ask("Status", []).catch((error: Error) => {
        if (error.message.includes("not initialized")) return undefined;
        throw error;
      });
      const conditions = status === undefined ? [] : all(inside(status, 1), 1);
      return conditions.some((each) => textOf(each, 1) === "NetworkReady" && each.get(2)?.[0] === 1);
    },
  };
}

/** `PodSandboxConfig`. */
function podConfig({ name, namespace = "default", annotations = {}, ports = [] }: Pod, cgroupParent: string): Field[] {
  const metadata: Field[] = [
    [1, name],
    [2, `uid-of-${name}`],
    [3, namespace],
  ];
  return [
    [1, metadata],
    [2, name],
    ...ports.map(({ hostPort, containerPort }): Field => {
      return [
        5,
        [
          [2, containerPort],
          [3, hostPort],
        ],
      ];
    }),
    ...Object.entries(annotations).map(([key, value]): Field => {
      return [
        7,
        [
          [1, key],
          [2, value],
        ],
      ];
    }),
    [8, [[1, cgroupParent]]],
  ];
}
