import { HoldfastError } from "@holdfast/core";
import type { LabHost } from "./host.ts";
import { IMAGE } from "./image.ts";

/** Docker on lab hosts, as tests, demo and benchmarks use it. */
export interface ContainerOptions {
  readonly name: string;
  readonly network: string;
  /** `--ip`; absent: Docker's IPAM driver chooses. */
  readonly address?: string;
  /** More words before the image, e.g. `["--publish", "8080:80"]`. */
  readonly words?: readonly string[];
  /** What it runs. Default: it sleeps. */
  readonly command?: readonly string[];
}

/** Starts a container in the background; gives its id. @throws HoldfastError `internal` with what Docker says. */
export async function runContainer(host: LabHost, options: ContainerOptions, signal: AbortSignal): Promise<string> {
  const { name, network, address, words = [], command = ["sleep", "100000"] } = options;
  const ip = address === undefined ? [] : ["--ip", address];
  const run = ["run", "--detach", "--name", name, "--network", network, ...ip, ...words, IMAGE, ...command];
  return await host.docker(run, { signal });
}

/** Removes a container at once, as `docker rm -f` does; its absence is success. */
export async function removeContainer(host: LabHost, name: string, signal: AbortSignal): Promise<void> {
  await host.docker(["rm", "--force", name], { signal });
}

/** Address and MAC of a container on a network, as Docker knows them. */
export async function addressOf(
  host: LabHost,
  container: string,
  network: string,
  signal: AbortSignal,
): Promise<{ readonly address: string; readonly mac: string }> {
  const format = `{{with index .NetworkSettings.Networks "${network}"}}{{.IPAddress}} {{.MacAddress}}{{end}}`;
  const [address = "", mac = ""] = (await host.docker(["inspect", "--format", format, container], { signal })).split(
    " ",
  );
  return { address, mac };
}

/** Whether an address answers a ping from inside a container. */
export async function answersFrom(
  host: LabHost,
  container: string,
  address: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { code } = await host.tryExec(["docker", "exec", container, "ping", "-c", "1", "-W", "2", address], { signal });
  return code === 0;
}

/** Waits until dockerd has a network of this name, which the agent makes by itself. */
export async function dockerNetwork(host: LabHost, name: string, signal: AbortSignal): Promise<void> {
  const watcher = `wait-${name}`;
  const filter = ["--filter", "type=network", "--filter", "event=create", "--filter", `network=${name}`];
  const events = ["docker", "events", "--since", "1", ...filter, "--format", "{{.Action}}"];
  try {
    const ready = { kind: "line", pattern: /create/, timeout: 30_000 } as const;
    await host.spawn(events, { name: watcher, ready, signal });
  } catch (error) {
    signal.throwIfAborted();
    const networks = await host.docker(["network", "ls", "--format", "{{.Name}}"], { signal });
    if (networks.split("\n").includes(name)) return;
    throw new HoldfastError("timeout", `docker network ${name} has not appeared on ${host.name}`, { cause: error });
  } finally {
    await host.stop(watcher, signal);
  }
}
