import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { HoldfastError } from "@holdfast/core";
import type { PublishedPort } from "@holdfast/model";
import type { PortRequest } from "./port-map.ts";
import { portName } from "./records.ts";

/** What a free port is chosen from when `docker run -p` names none: the kernel's default `ip_local_port_range`. */
export const CHOSEN_PORTS = { first: 32_768, last: 60_999 };

/** Says whether a process of the machine uses a port, so that publishing it would take its traffic. */
export type PortProbe = (port: Omit<PublishedPort, "containerPort">) => Promise<boolean>;

/** What {@link chooseHostPorts} decides with. */
export interface PortChoice {
  /** Who publishes what already: `"8080/tcp"` with the address, to the endpoint. */
  readonly held: readonly (Omit<PublishedPort, "containerPort"> & { readonly endpoint: string })[];
  readonly isUsed: PortProbe;
  /** In [0, 1): where the search for a free port begins. */
  readonly random: () => number;
}

/** The ports of an endpoint. */
export interface ChosenPorts {
  readonly ports: readonly PublishedPort[];
  /**
   * Endpoints that hold a port which was asked for by number. A container that joins a second network asks for its ports again: whether
   * they are the same container shows when it joins.
   */
  readonly contested: readonly string[];
}

/**
 * Chooses a host port for each request: Docker does not do so for remote drivers.
 *
 * @throws HoldfastError `address_in_use`: a process uses the port, or no port of the range is free.
 */
export async function chooseHostPorts(requests: readonly PortRequest[], choice: PortChoice): Promise<ChosenPorts> {
  const ports: PublishedPort[] = [];
  const contested = new Set<string>();
  for (const request of requests) {
    const holder = singlePortHolder(request, choice);
    if (holder !== undefined) contested.add(holder);
    else ports.push(await chooseOne(request, ports, choice));
  }
  return { ports, contested: [...contested] };
}

function singlePortHolder({ hostPorts, ...request }: PortRequest, { held }: PortChoice): string | undefined {
  if (hostPorts === undefined || hostPorts.first !== hostPorts.last) return undefined;
  return held.find((other) => clash({ ...request, hostPort: hostPorts.first }, other))?.endpoint;
}

async function chooseOne(
  request: PortRequest,
  taken: readonly PublishedPort[],
  choice: PortChoice,
): Promise<PublishedPort> {
  const { first, last } = request.hostPorts ?? CHOSEN_PORTS;
  const count = last - first + 1;
  const start = request.hostPorts === undefined ? Math.floor(choice.random() * count) : 0;
  for (let offset = 0; offset < count; offset++) {
    const { hostPorts: _, ...rest } = request;
    const port = { ...rest, hostPort: first + ((start + offset) % count) };
    if ([...choice.held, ...taken].some((other) => clash(port, other))) continue;
    if (await choice.isUsed(port)) continue;
    return port;
  }
  const what = first === last ? portName({ ...request, hostPort: first }) : `${first}-${last}/${request.protocol}`;
  throw new HoldfastError("address_in_use", `host port ${what} is in use on this machine; publish another one`, {
    details: { field: "hostPort", port: first },
  });
}

type HostPort = Omit<PublishedPort, "containerPort">;

function clash(a: HostPort, b: HostPort): boolean {
  const sameAddress = a.hostAddress === undefined || b.hostAddress === undefined || a.hostAddress === b.hostAddress;
  return a.protocol === b.protocol && a.hostPort === b.hostPort && sameAddress;
}

/** Binds the port for a moment. SCTP has no sockets in Node: there only our own book is asked. */
export const probePort: PortProbe = async ({ protocol, hostAddress, hostPort }) => {
  switch (protocol) {
    case "tcp":
      return await refuses((done, failed) => {
        const server = createServer().once("error", failed);
        server.listen(
          { port: hostPort, exclusive: true, ...(hostAddress === undefined ? {} : { host: hostAddress }) },
          () => server.close(done),
        );
      });
    case "udp":
      return await refuses((done, failed) => {
        const socket = createSocket(hostAddress?.includes(":") === true ? "udp6" : "udp4").once("error", (error) => {
          socket.close();
          failed(error);
        });
        socket.bind(
          { port: hostPort, exclusive: true, ...(hostAddress === undefined ? {} : { address: hostAddress }) },
          () => socket.close(done),
        );
      });
    case "sctp":
      return false;
  }
};

/** Only "address in use" is use: an address that the machine does not have yet may come. */
async function refuses(attempt: (done: () => void, failed: (error: Error) => void) => void): Promise<boolean> {
  return await new Promise((resolve) => {
    attempt(
      () => resolve(false),
      (error) => resolve("code" in error && error.code === "EADDRINUSE"),
    );
  });
}
