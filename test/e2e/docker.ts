import type { LabHost } from "@holdfast/lab";

/** A container as `docker inspect` shows it. */
export interface SeenContainer {
  readonly name: string;
  readonly running: boolean;
  /** Of its first network; empty while it has none. */
  readonly endpoint: string;
  readonly address: readonly string[];
  readonly mac: string;
}

interface Inspected {
  readonly Name: string;
  readonly State: { readonly Running: boolean };
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { EndpointID: string; IPAddress: string; MacAddress: string }>>;
  };
}

/** All containers of a host, running or not. */
export async function listContainers(host: LabHost, signal: AbortSignal): Promise<readonly SeenContainer[]> {
  const ids = (await host.docker(["ps", "--all", "--quiet", "--no-trunc"], { signal })).split("\n").filter(Boolean);
  if (ids.length === 0) return [];
  const { stdout } = await host.tryExec(["docker", "inspect", "--type", "container", ...ids], { signal });
  return (JSON.parse(stdout) as Inspected[]).map(({ Name, State, NetworkSettings }) => {
    const [network] = Object.values(NetworkSettings.Networks);
    const { EndpointID = "", IPAddress = "", MacAddress = "" } = network ?? {};
    return {
      name: Name.slice(1),
      running: State.Running,
      endpoint: EndpointID,
      address: IPAddress === "" ? [] : [IPAddress],
      mac: MacAddress,
    };
  });
}
