import { IpAddress, Name } from "@holdfast/core";
import type { BlockRequest, BlockReturn, EndpointReport, NodeBlock, Phase } from "@holdfast/model";
import { type EngineHarness, startEngine, TENANT } from "./engine-harness.ts";

export const WEB = Name.parse("web");

/** An engine with the network `web`, 10.20.0.0/24 with blocks of 16, and nodes h1 and h2. */
export async function startWithBlocks(parts: Parameters<typeof startEngine>[0] = {}): Promise<EngineHarness> {
  const harness = await startEngine(parts);
  await harness.network("web", { nodeBlocks: { size: 16 } });
  for (const node of ["h1", "h2"]) await harness.node(node);
  return harness;
}

export function lease(harness: EngineHarness, node: string, request: Partial<BlockRequest> = {}): Promise<NodeBlock> {
  const body = { tenant: TENANT, network: WEB, family: "v4" as const, held: [], ...request };
  return harness.engine.nouns.blocks.lease(Name.parse(node), body);
}

export function giveBack(
  harness: EngineHarness,
  block: NodeBlock,
  resting: BlockReturn["resting"] = [],
): Promise<void> {
  const { tenant, network, prefix } = block;
  return harness.engine.nouns.blocks.giveBack(block.node, { tenant, network, prefix, lease: block.lease, resting });
}

/** What a node reports of an endpoint that it has made by itself, in the last of these phases. */
export function madeReport(
  endpoint: string,
  address: string,
  at: string,
  phases: readonly Phase[] = ["reserved"],
): EndpointReport {
  const phase = phases.at(-1) ?? "reserved";
  return {
    endpoint,
    epoch: 1,
    transitions: phases.map((one) => ({ phase: one, at, actor: "node/h1" })),
    claim: { tenant: TENANT, network: WEB, identity: `ephemeral/${endpoint}` as never },
    addresses: [IpAddress.parse(address)],
    workload: { runtime: "docker" },
    made: { at, phase },
  };
}

/** Reports it in the name of a node, at the present moment. */
export async function reportMade(
  harness: EngineHarness,
  node: string,
  ...[endpoint, address, phases]: [string, string, (readonly Phase[])?]
): Promise<string> {
  const at = harness.clock.now().toISOString();
  const [result] = await harness.reports(node, [madeReport(endpoint, address, at, phases)]);
  return result?.detail === undefined ? (result?.outcome ?? "") : `${result.outcome}: ${result.detail}`;
}
