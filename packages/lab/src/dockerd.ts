import { rm } from "node:fs/promises";
import { startContainerd } from "./containerd.ts";
import { IMAGE } from "./image.ts";
import { isAlive } from "./process-ref.ts";
import { CGROUP_PREFIX, type LabRecord } from "./record.ts";
import type { LabSpace } from "./space.ts";

/**
 * Starts the containerd and the dockerd of a host, with the paths of an ordinary installation, all of them the host's own, and
 * waits until dockerd serves. What runs already is left alone.
 */
export async function startDockerd(
  space: LabSpace,
  lab: Pick<LabRecord, "id" | "cri" | "dockerArguments">,
  signal: AbortSignal,
): Promise<void> {
  // A separate containerd, as under systemd: it and the containers survive a dockerd that is killed.
  await startContainerd(space, lab, signal);
  const argv = [
    ...["dockerd", "-H", "unix:///run/docker.sock", "--pidfile=/run/docker.pid"],
    ...["--containerd=/run/containerd/containerd.sock", "--data-root=/var/lib/docker", "--exec-root=/run/docker"],
    // Containers stay below the lab's cgroup, which is how they are found when everything else has been killed.
    ...["--exec-opt=native.cgroupdriver=cgroupfs", `--cgroup-parent=/${CGROUP_PREFIX}${lab.id}/${space.name}`],
    ...lab.dockerArguments,
  ];
  const running = await space.process("dockerd");
  if (running !== undefined && isAlive(running)) return;
  // A killed dockerd's pid may be a stranger's by now, and then the next one would refuse to start.
  await rm(space.path("/run/docker.pid"), { force: true });
  // Written once the API serves.
  await space.spawn(argv, { name: "dockerd", ready: { kind: "line", pattern: /API listen on/ }, signal });
}

/** Gives a host's dockerd the image, from a tar archive of its root folder. */
export async function importImage(space: LabSpace, archive: Uint8Array, signal: AbortSignal): Promise<void> {
  await space.exec(["docker", "import", "-", IMAGE], { signal, input: archive });
}
