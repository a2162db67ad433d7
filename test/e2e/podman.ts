import { writeFile } from "node:fs/promises";
import { IMAGE, type LabHost } from "@holdfast/lab";

const ROOT_FOLDER = "/var/lib/podman-root";

/**
 * As in Debian 12, with CNI instead of netavark, and nothing outside of what is the lab host's own. A lab inside a container may not raise
 * limits.
 */
const CONFIGURATION = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "none"
lock_type = "file"
`;

export type Podman = Awaited<ReturnType<typeof createPodman>>;

/** Makes podman usable on a lab host; gives what runs it with these words, e.g. `["rm", "--force", "redis-0"]`. */
export async function createPodman(host: LabHost, cgroupParent: string, signal: AbortSignal) {
  await writeFile(host.path("/run/containers.conf"), CONFIGURATION);
  const container = await host.docker(["create", IMAGE, "true"], { signal });
  await host.exec(["mkdir", "-p", ROOT_FOLDER], { signal });
  await host.exec(["sh", "-c", `docker export ${container} | tar -x -C ${ROOT_FOLDER}`], { signal });
  await host.docker(["rm", container], { signal });
  const storage = ["--root", "/run/podman/storage", "--runroot", "/run/podman/run", "--storage-driver", "vfs"];
  const env = { CONTAINERS_CONF: "/run/containers.conf" };
  const podman = async (words: readonly string[], within: AbortSignal): Promise<string> => {
    return (await host.exec(["podman", ...storage, ...words], { signal: within, env })).stdout.trim();
  };
  return {
    podman,
    /** Starts a container that sleeps, with these words beside its network's, e.g. `["--ip", "10.20.0.7"]`. */
    run: async (name: string, network: string, words: readonly string[], within: AbortSignal): Promise<void> => {
      const where = ["--name", name, "--network", network, "--cgroup-parent", cgroupParent];
      await podman(["run", "--detach", ...where, ...words, "--rootfs", ROOT_FOLDER, "sleep", "100000"], within);
    },
  };
}
