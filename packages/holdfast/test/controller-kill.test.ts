import { silentLogger, systemClock } from "@holdfast/core";
import type { Claim, Endpoint, LedgerEntry } from "@holdfast/model";
import { openSqliteStore } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { readLedgerEntry } from "../../controller/src/ledger/ledger.ts";
import { type Acknowledged, ClaimClients } from "./claim-clients.ts";
import { ControllerProcess } from "./controller-process.ts";

/** `HOLDFAST_KILLS` says how often, all together. */
const KILLS = Number(process.env.HOLDFAST_KILLS ?? 200);
/** Controllers with a book each, at once: most of the time one of them starts. */
const CONTROLLERS = 2;
const CLIENTS = 64;
const SAMPLE = 20;
/** Milliseconds that clients have at most until the controller is killed. */
const LONGEST = 250;

describe("a controller that is killed again and again under 64 clients", () => {
  test(`keeps what it has acknowledged (${KILLS} times)`, { timeout: 60_000 + KILLS * 3000 }, async () => {
    const kills = Math.ceil(KILLS / CONTROLLERS);
    await Promise.all(Array.from({ length: CONTROLLERS }, () => killAgainAndAgain(kills)));
  });
});

async function killAgainAndAgain(kills: number): Promise<void> {
  await using controller = await ControllerProcess.create();
  await controller.start();
  const clients = new ClaimClients(controller.base);
  await clients.prepare();
  for (let round = 0; round < kills; round++) {
    clients.resume(CLIENTS);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST));
    await controller.kill();
    await clients.pause();
    await controller.start();
    await checkSample(clients);
  }
  await controller.kill();
  expect(clients.wrong).toEqual([]);
  expect(clients.answered).toBeGreaterThan(kills * 10);
  await checkFile(controller.data, clients.told);
}

/** A few of those that should be there, and one of those that should not. */
async function checkSample(clients: ClaimClients): Promise<void> {
  const { claims, gone } = clients.told;
  const path = (identity: string): string => `/v1/tenants/default/networks/web/claims/${identity}`;
  const all = [...claims];
  for (let count = 0; count < SAMPLE && all.length > 0; count++) {
    // The newest are those that are in danger.
    const [identity, addresses] = all[all.length - 1 - Math.floor(Math.random() ** 3 * all.length)] ?? ["", ""];
    const { status, json } = await clients.ask("GET", path(identity));
    expect([identity, status, (json as Claim).addresses?.join()]).toEqual([identity, 200, addresses]);
  }
  const last = [...gone].at(-1);
  if (last !== undefined) expect((await clients.ask("GET", path(last))).status).toBe(404);
}

/** The file against what was told, and everything in it against everything else. */
async function checkFile(path: string, told: Acknowledged): Promise<void> {
  const store = await openSqliteStore({ clock: systemClock, logger: silentLogger }, { path });
  const under = async (prefix: string) => (await store.list(prefix)).entries;
  const claims = (await under("claims/")).map(({ value }) => JSON.parse(value) as Claim);
  const endpoints = (await under("endpoints/")).map(({ value }) => JSON.parse(value) as Endpoint);
  const owners = new Map(
    (await under("addresses/")).map(({ key, value }) => [lastOf(key), JSON.parse(value).identity]),
  );
  const ledger = (await under("ledger/")).map(readLedgerEntry);
  await store.close();

  expect(notAsTold(claims, told)).toEqual([]);
  const addresses = claims.flatMap((claim) => claim.addresses.map((address) => [address as string, claim] as const));
  expect(new Set(addresses.map(([address]) => address)).size).toBe(addresses.length);
  expect(addresses.filter(([address, { identity }]) => owners.get(address) !== identity)).toEqual([]);
  expect(owners.size).toBe(addresses.length);
  const bindings = claims.flatMap(({ binding, identity }) =>
    binding === undefined ? [] : `${binding.endpoint} ${identity}`,
  );
  expect(endpoints.map(({ id, identity }) => `${id} ${identity}`).sort()).toEqual(bindings.sort());
  expect(ledgerDifferences(ledger, new Map(addresses))).toEqual([]);
}

function notAsTold(claims: readonly Claim[], told: Acknowledged): string[] {
  const present = new Map(claims.map((claim) => [claim.identity as string, claim]));
  const lost = [...told.claims].filter(
    ([identity, addresses]) => present.get(identity)?.addresses.join() !== addresses,
  );
  const back = [...told.gone].filter((identity) => present.has(identity));
  const unbound = [...told.bound].filter(
    ([identity, endpoint]) => present.get(identity)?.binding?.endpoint !== endpoint,
  );
  const unasked = [...present.keys()].filter((identity) => !told.claims.has(identity) && !told.open.has(identity));
  return [
    ...lost.map(([identity, addresses]) => `${identity} with ${addresses} is lost`),
    ...back.map((identity) => `${identity} is back`),
    ...unbound.map(([identity, endpoint]) => `${identity} is not bound by ${endpoint}`),
    ...unasked.map((identity) => `nobody was told of ${identity}`),
  ];
}

/** The newest event of each address against who has it. */
function ledgerDifferences(ledger: readonly LedgerEntry[], owners: ReadonlyMap<string, Claim>): string[] {
  const last = new Map<string, LedgerEntry>();
  for (const entry of ledger)
    if (entry.revision > (last.get(entry.address)?.revision ?? 0)) last.set(entry.address, entry);
  const ends: readonly string[] = ["released", "expired", "reclaimed", "cooled"];
  const stale = [...last.values()].filter(({ address, event, identity }) => {
    const owner = owners.get(address);
    if (owner === undefined) return !ends.includes(event);
    return owner.identity !== identity || ends.includes(event) || (event === "bound") !== (owner.binding !== undefined);
  });
  const silent = [...owners.keys()].filter((address) => !last.has(address));
  return [
    ...stale.map(({ address, event, identity }) => `${address} was ${event} by ${identity} last`),
    ...silent.map((address) => `${address} has no history`),
  ];
}

function lastOf(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}
