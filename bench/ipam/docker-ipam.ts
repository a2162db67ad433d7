import { silentLogger } from "@holdfast/core";
import { createLab } from "@holdfast/lab";
import { type Engine, engineOf } from "../engine.ts";
import { timed } from "../statistics.ts";

const ADDRESSES = 1000;

/**
 * Addresses per second that Docker's own IPAM gives, in a dockerd of its own. dockerd has no call for an address alone; the leanest is to
 * make a network with auxiliary addresses, each of which dockerd takes from its IPAM. Making the same network without
 * any is taken off. Starting or connecting a container takes one address, too, but makes interfaces and rules beside, some tens of
 * milliseconds each.
 */
export async function measureDockerIpam(signal: AbortSignal): Promise<number> {
  await using lab = await createLab({ logger: silentLogger }, { name: `bench-ipam-${process.pid}`, hosts: 1, signal });
  const engine = engineOf(lab.host(1));
  await timed(() => makeNetwork(engine, 0));
  const bare = await timed(() => makeNetwork(engine, 0));
  const full = await timed(() => makeNetwork(engine, ADDRESSES));
  return (ADDRESSES / (full - bare)) * 1000;
}

async function makeNetwork(engine: Engine, addresses: number): Promise<void> {
  const auxiliary = Array.from({ length: addresses }, (_, index) => {
    const offset = index + 10;
    return [`a${index}`, `10.16.${offset >>> 8}.${offset & 255}`] as const;
  });
  const config = { Subnet: "10.16.0.0/12", Gateway: "10.16.0.1", AuxiliaryAddresses: Object.fromEntries(auxiliary) };
  const body = { Name: "bench", Driver: "bridge", Internal: true, IPAM: { Driver: "default", Config: [config] } };
  await engine.post("/networks/create", body);
  await engine.delete("/networks/bench");
}
