import { createSocket } from "node:dgram";
import { networkInterfaces } from "node:os";
import { IpAddress } from "@holdfast/core";

/**
 * The addresses of the interface that packets to a server leave by, at most one of each family: how other nodes reach this machine, where nobody
 * says otherwise. None: the server is on this machine, or there is no way to it now.
 */
export async function addressesTowards(server: string): Promise<readonly IpAddress[]> {
  const { hostname, port, protocol } = new URL(server);
  const own = await sourceOf(hostname.replace(/^\[|\]$/g, ""), Number(port) || (protocol === "https:" ? 443 : 80));
  const first = own === undefined ? undefined : IpAddress.tryParse(own);
  if (first === undefined) return [];
  for (const addresses of Object.values(networkInterfaces())) {
    const outward = (addresses ?? []).filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
    const known = outward.flatMap(({ address }) => IpAddress.tryParse(address) ?? []);
    if (!known.includes(first)) continue;
    const other = known.find((address) => IpAddress.family(address) !== IpAddress.family(first));
    return other === undefined ? [first] : [first, other];
  }
  return [];
}

/** What the kernel would send from; nothing is sent. */
function sourceOf(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const end = (found: string | undefined): void => {
      socket.close();
      resolve(found);
    };
    socket.once("error", () => end(undefined));
    socket.connect(port, host, () => end(socket.address().address));
  });
}
