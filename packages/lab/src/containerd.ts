import { writeFile } from "node:fs/promises";
import { IMAGE } from "./image.ts";
import { isAlive } from "./process-ref.ts";
import type { LabRecord } from "./record.ts";
import type { LabSpace } from "./space.ts";

/** Where the containerd of a host serves, CRI included when the lab has it. */
export const CONTAINERD_SOCKET = "/run/containerd/containerd.sock";
/** {@link IMAGE}, as containerd calls it; a pod's sandbox runs it, too. */
export const CONTAINERD_IMAGE = `docker.io/${IMAGE}:latest`;
/** Of pods, and of those who name none, like `ctr`. */
export const CONTAINERD_NAMESPACES = ["k8s.io", "default"] as const;

/**
 * Starts the containerd of a host, one process for Docker and for pods as on a machine that has both, and waits until it serves. One that
 * runs already is left alone.
 */
export async function startContainerd(
  space: LabSpace,
  { cri }: Pick<LabRecord, "cri">,
  signal: AbortSignal,
): Promise<void> {
  const running = await space.process("containerd");
  if (running !== undefined && isAlive(running)) return;
  await writeFile(space.path("/run/containerd.toml"), cri ? WITH_CRI : WITHOUT_CRI);
  const argv = ["containerd", "--config=/run/containerd.toml"];
  const ready = { kind: "line", pattern: /containerd successfully booted/ } as const;
  await space.spawn(argv, { name: "containerd", ready, signal });
}

/** Gives a host's containerd the image, from an OCI archive. */
export async function importOciImage(space: LabSpace, archive: Uint8Array, signal: AbortSignal): Promise<void> {
  for (const namespace of CONTAINERD_NAMESPACES) {
    await space.exec(["ctr", "--namespace", namespace, "images", "import", "-"], { signal, input: archive });
  }
}

const UNUSED = `"io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs"`;

/** The plugin needs most of containerd's start. */
const WITHOUT_CRI = `version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri", ${UNUSED}]
`;

/**
 * With the folders that containerd has without a configuration; no registry is asked for the sandbox's image. A lab inside a container may not
 * protect processes from the OOM killer.
 */
const WITH_CRI = `version = 2
disabled_plugins = [${UNUSED}]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${CONTAINERD_IMAGE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
`;
