import { isAlive } from "./process-ref.ts";
import { CGROUP_PREFIX, type LabRecord } from "./record.ts";
import type { LabSpace } from "./space.ts";

/** The image that every host has: busybox, with `ping`, `nc`, `httpd`, `arping`, `ip` and the like. */
export const IMAGE = "holdfast/busybox";

/**
 * Starts the dockerd of a host with the paths of an ordinary installation, all of them the host's own, and waits until it
 * serves. It brings a containerd of its own. One that runs already is left alone.
 */
export async function startDockerd(
  space: LabSpace,
  lab: Pick<LabRecord, "id" | "dockerArguments">,
  signal: AbortSignal,
): Promise<void> {
  const running = await space.process("dockerd");
  if (running !== undefined && isAlive(running)) return;
  const argv = [
    ...["dockerd", "-H", "unix:///run/docker.sock", "--pidfile=/run/docker.pid"],
    ...["--data-root=/var/lib/docker", "--exec-root=/run/docker"],
    // Containers stay below the lab's cgroup, which is how they are found when everything else has been killed.
    ...["--exec-opt=native.cgroupdriver=cgroupfs", `--cgroup-parent=/${CGROUP_PREFIX}${lab.id}/${space.name}`],
    ...lab.dockerArguments,
  ];
  // Written by dockerd once its API serves; the killed one's pid would make the next one refuse to start.
  const ready = { kind: "line", pattern: /API listen on/ } as const;
  await space.exec(["rm", "-f", "/run/docker.pid"], { signal });
  await space.spawn(argv, { name: "dockerd", ready, signal });
}

/** Gives a host's dockerd the image, from a tar archive of its root folder. */
export async function importImage(space: LabSpace, archive: Uint8Array, signal: AbortSignal): Promise<void> {
  await space.exec(["docker", "import", "-", IMAGE], { signal, input: archive });
}
