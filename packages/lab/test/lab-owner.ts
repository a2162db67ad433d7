/**
 * A program for the sweeper's tests: makes a lab with containers of Docker and of containerd and an agent in it, prints its id, and waits to be killed.
 * Arguments: name, `detached` or `owned`.
 */
import { silentLogger } from "@holdfast/core";
import { CONTAINERD_IMAGE, createLab, IMAGE } from "../src/index.ts";

const [name = "", kind = "owned"] = process.argv.slice(2);
const signal = AbortSignal.timeout(25_000);
const detached = kind === "detached";
const lab = await createLab(
  { logger: silentLogger },
  { name, hosts: 1, docker: !detached, cri: !detached, detached, signal },
);
if (!detached) {
  await lab.host(1).docker(["run", "-d", IMAGE, "sleep", "1000"], { signal });
  await lab.host(1).docker(["run", "-d", "--network=none", IMAGE, "sleep", "1000"], { signal });
  const cgroup = `/holdfast-lab-${lab.record.id}/host-1/ctr`;
  await lab.host(1).exec(["ctr", "run", "--detach", "--cgroup", cgroup, CONTAINERD_IMAGE, "one"], { signal });
}
// A daemon that puts itself into the background in a session of its own.
await lab.host(1).spawn(["sh", "-c", "setsid sleep 1000 & sleep 1000"], { name: "agent", signal });
process.stdout.write(`${lab.record.id}\n`);
setInterval(() => {}, 1000);
