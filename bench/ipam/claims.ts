import type { BulkResults } from "@holdfast/model";
import { percentile } from "../statistics.ts";
import type { ControllerProcess } from "./controller-process.ts";
import { type LoadResult, perSecond, runLoad } from "./load.ts";

/** How many claims one bulk request may make. */
const BULK = 10_000;

export async function createNetwork(controller: ControllerProcess, name: string, prefix: string): Promise<void> {
  const body = { name, kind: "vlan", subnets: [{ prefix }] };
  await controller.call("POST", "/v1/tenants/default/networks", body);
}

export function pathOfClaims(network: string): string {
  return `/v1/tenants/default/networks/${network}/claims`;
}

/** Single claims, each a commit that was synced before its answer. */
export async function measureClaims(
  controller: ControllerProcess,
  network: string,
  { clients, warmUpSeconds, seconds }: { clients: number; warmUpSeconds: number; seconds: number },
): Promise<{ readonly perSecond: number; readonly p50: number; readonly p99: number }> {
  const load = { port: controller.port, path: pathOfClaims(network), clients };
  await runLoad({ ...load, body: '{"identity":"warm-#"}', seconds: warmUpSeconds });
  const result: LoadResult = await runLoad({ ...load, body: '{"identity":"claim-#"}', seconds });
  const { milliseconds } = result;
  return { perSecond: perSecond(result), p50: percentile(milliseconds, 0.5), p99: percentile(milliseconds, 0.99) };
}

/** Seconds that each of some requests for 10,000 claims takes, all or nothing. */
export async function measureBulk(controller: ControllerProcess, network: string, requests: number): Promise<number[]> {
  const seconds: number[] = [];
  for (let request = 0; request < requests; request++) {
    const items = Array.from({ length: BULK }, (_, index) => ({ identity: `bulk-${request}-${index}` }));
    const started = performance.now();
    const { done } = await bulk(controller, network, { mode: "all", items });
    seconds.push((performance.now() - started) / 1000);
    if (done !== BULK) throw new TypeError(`a bulk request made ${done} claims`);
  }
  return seconds;
}

/** Claims just these addresses; those that somebody has already are passed over. Gives how many were claimed. */
export async function claimAddresses(
  controller: ControllerProcess,
  network: string,
  addresses: Iterable<string>,
): Promise<number> {
  let claimed = 0;
  let items: { identity: string; addresses: string[] }[] = [];
  const send = async (): Promise<void> => {
    if (items.length > 0) claimed += (await bulk(controller, network, { mode: "each", items })).done;
    items = [];
  };
  for (const address of addresses) {
    items.push({ identity: `at-${address}`, addresses: [address] });
    if (items.length === BULK) await send();
  }
  await send();
  return claimed;
}

/** Claims with the identities `w-0`, `w-1` and so on. */
export async function claimNumbered(controller: ControllerProcess, network: string, count: number): Promise<void> {
  for (let first = 0; first < count; first += BULK) {
    const items = Array.from({ length: Math.min(BULK, count - first) }, (_, index) => ({
      identity: `w-${first + index}`,
    }));
    await bulk(controller, network, { mode: "all", items });
  }
}

function bulk(controller: ControllerProcess, network: string, body: object): Promise<Pick<BulkResults, "done">> {
  return controller.call("POST", `/v1/tenants/default/networks/${network}/bulk/claims`, body);
}
