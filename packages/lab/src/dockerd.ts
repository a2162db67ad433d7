import { rm, writeFile } from "node:fs/promises";
import { isAlive } from "./process-ref.ts";
import { CGROUP_PREFIX, type LabRecord } from "./record.ts";
import type { LabSpace } from "./space.ts";

/** The image that every host has: busybox, with `ping`, `nc`, `httpd`, `arping`, `ip` and the like. */
export const IMAGE = "holdfast/busybox";

/** Nothing here speaks CRI, and the plugin needs most of containerd's start. */
const CONTAINERD_CONFIG = `version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs"]
`;

/**
 * Starts the containerd and the dockerd of a host, with the paths of an ordinary installation, all of them the host's own, and
 * waits until dockerd serves. What runs already is left alone.
 */
export async function startDockerd(
  space: LabSpace,
  lab: Pick<LabRecord, "id" | "dockerArguments">,
  signal: AbortSignal,
): Promise<void> {
  // A separate containerd, as under systemd: it and the containers survive a dockerd that is killed.
  await startUnlessRunning(
    space,
    { name: "containerd", argv: CONTAINERD, pattern: /containerd successfully booted/ },
    signal,
  );
  const argv = [
    ...["dockerd", "-H", "unix:///run/docker.sock", "--pidfile=/run/docker.pid"],
    ...["--containerd=/run/containerd/containerd.sock", "--data-root=/var/lib/docker", "--exec-root=/run/docker"],
    // Containers stay below the lab's cgroup, which is how they are found when everything else has been killed.
    ...["--exec-opt=native.cgroupdriver=cgroupfs", `--cgroup-parent=/${CGROUP_PREFIX}${lab.id}/${space.name}`],
    ...lab.dockerArguments,
  ];
  // Written once the API serves.
  await startUnlessRunning(space, { name: "dockerd", argv, pattern: /API listen on/ }, signal);
}

const CONTAINERD = ["containerd", "--config=/run/containerd.toml"];

async function startUnlessRunning(
  space: LabSpace,
  { name, argv, pattern }: { readonly name: string; readonly argv: readonly string[]; readonly pattern: RegExp },
  signal: AbortSignal,
): Promise<void> {
  const running = await space.process(name);
  if (running !== undefined && isAlive(running)) return;
  await writeFile(space.path("/run/containerd.toml"), CONTAINERD_CONFIG);
  // A killed dockerd's pid may be a stranger's by now, and then the next one would refuse to start.
  await rm(space.path("/run/docker.pid"), { force: true });
  await space.spawn(argv, { name, ready: { kind: "line", pattern }, signal });
}

/** Gives a host's dockerd the image, from a tar archive of its root folder. */
export async function importImage(space: LabSpace, archive: Uint8Array, signal: AbortSignal): Promise<void> {
  await space.exec(["docker", "import", "-", IMAGE], { signal, input: archive });
}
