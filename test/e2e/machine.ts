import { setTimeout as pause } from "node:timers/promises";
import { isAlive, type LabHost } from "@holdfast/lab";
import { isEndpointFlow, readFlows } from "./flows.ts";

/** What is on a host's data path, seen from outside. */
export interface Machine {
  /** Endpoint by link, from the aliases of the switch's ends. */
  readonly endpoints: ReadonlyMap<string, string>;
  /** Links that wait for an endpoint, and links whose endpoint is gone. */
  readonly spares: readonly string[];
  readonly leaving: readonly string[];
  /** Ends for sandboxes that are still the host's. */
  readonly peers: readonly string[];
  /** Ports of the integration bridge that are links of ours. */
  readonly ports: readonly string[];
  /** Endpoint by port, from the switch's database. */
  readonly labels: ReadonlyMap<string, string>;
  /** Links that have flows of an endpoint. */
  readonly flowing: readonly string[];
}

export async function readMachine(host: LabHost, signal: AbortSignal): Promise<Machine> {
  const [links, ports, labels, flows] = await Promise.all([
    host.exec(["ip", "-j", "link", "show"], { signal }),
    host.exec(["ovs-vsctl", "list-ports", "hf-int"], { signal }),
    host.exec(["ovs-vsctl", "-f", "json", "--columns=name,external_ids", "list", "interface"], { signal }),
    readFlows(host, signal),
  ]);
  const all = JSON.parse(links.stdout) as { ifname: string; ifalias?: string }[];
  const aliased = (alias: string) => all.filter(({ ifalias }) => ifalias === alias).map(({ ifname }) => ifname);
  return {
    endpoints: new Map(
      all.flatMap(({ ifname, ifalias = "" }) => {
        const endpoint = /^holdfast endpoint (.+)$/.exec(ifalias)?.[1];
        return endpoint === undefined ? [] : [[ifname, endpoint]];
      }),
    ),
    spares: aliased("holdfast spare"),
    leaving: aliased("holdfast leaving"),
    peers: all.map(({ ifname }) => ifname).filter((name) => /^hfc\d+$/.test(name)),
    ports: ports.stdout.split("\n").filter((name) => /^hfp\d+$/.test(name)),
    labels: labelsOf(labels.stdout),
    flowing: [...new Set([...flows.values()].filter(isEndpointFlow).map(({ cookie }) => linkOf(cookie)))],
  };
}

function linkOf(cookie: string): string {
  return `hfp${BigInt(cookie) & 0xff_ffffn}`;
}

function labelsOf(json: string): Map<string, string> {
  const { data } = JSON.parse(json) as { data: [string, ["map", [string, string][]]][] };
  return new Map(
    data.flatMap(([name, [, entries]]) => {
      const endpoint = new Map(entries).get("holdfast-endpoint");
      return endpoint === undefined ? [] : [[name, endpoint]];
    }),
  );
}

/**
 * Waits until a host's data path has so many endpoints and nothing left to do: interfaces wait in their full number, none is to go, and the switch's database names
 * the endpoints. Looks again and again, for what happens on a data path has no event of its own.
 */
export async function settledMachine(host: LabHost, count: number, signal: AbortSignal): Promise<Machine> {
  return await repeated(async () => {
    const machine = await readMachine(host, signal);
    const { endpoints, spares, leaving, labels, ports } = machine;
    const named = endpoints.size === labels.size && [...endpoints].every(([link, id]) => labels.get(link) === id);
    const plugged = ports.length === endpoints.size + spares.length;
    return endpoints.size === count && named && plugged && spares.length >= 16 && leaving.length === 0
      ? machine
      : undefined;
  }, signal);
}

/** Waits until an agent is in step with the controller and its data path is as wanted. */
export async function agentInStep(host: LabHost, signal: AbortSignal): Promise<void> {
  await repeated(async () => {
    const get = ["/bin/busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:4654/readyz"];
    const { code, stdout } = await host.tryExec(get, { signal });
    if (code !== 0) return undefined;
    const { controller, pending } = JSON.parse(stdout) as { controller: string; pending: unknown[] };
    return controller === "in step" && pending.length === 0 ? true : undefined;
  }, signal);
}

/** Kills a process of a host at once and waits until it is gone. */
export async function killed(
  host: Pick<LabHost, "process" | "kill">,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const found = await host.process(name);
  if (found === undefined || !(await host.kill(name, "SIGKILL"))) throw new TypeError(`${name} does not run`);
  await repeated(async () => (isAlive(found) ? undefined : true), signal, 5);
}

/** Looks until something is found; for what has no event to wait for. */
export async function repeated<T>(look: () => Promise<T | undefined>, signal: AbortSignal, every = 100): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(every, undefined, { signal });
  }
}
