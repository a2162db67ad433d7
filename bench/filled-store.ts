import { Identity, IpAddress, MacAddress, Name, silentLogger, systemClock } from "@holdfast/core";
import { type Operation, openSqliteStore, type Store } from "@holdfast/store";

/** What a store is to hold. */
export interface Filling {
  /** Reserved claims of one IPv4 address each, in one network with a /8. */
  readonly claims: number;
  /** So many of the claims are bound, by endpoints on {@link NODES} nodes. */
  readonly endpoints: number;
}

const NODES = 100;
const AT_ONCE = 5000;
const AT = "2026-11-20T14:05:00.000Z";
const TENANT = Name.parse("default");
const NETWORK = Name.parse("web");
const SEGMENT = 100;

/** Writes what a controller would have written, with the history of each address, but without its decisions: some 30,000 claims a second. */
export async function fillStore(path: string, { claims, endpoints }: Filling): Promise<void> {
  const store = await openSqliteStore({ clock: systemClock, logger: silentLogger }, { path });
  try {
    await put(store, headOf());
    for (let first = 0; first < claims; first += AT_ONCE) {
      const operations: Operation[] = [];
      for (let number = first; number < Math.min(claims, first + AT_ONCE); number++) {
        operations.push(...claimed(number, number < endpoints));
      }
      await put(store, operations);
    }
  } finally {
    await store.close();
  }
}

async function put(store: Store, operations: readonly Operation[]): Promise<void> {
  await store.commit({ conditions: [], operations });
}

function headOf(): Operation[] {
  const stamp = { labels: {}, createdAt: AT };
  const network = { kind: "vlan", segment: SEGMENT, mtu: 1500, docker: true, cooldownSeconds: 60, ...stamp };
  const subnets = [{ prefix: "10.0.0.0/8", ranges: [], exclusions: [], labels: {} }];
  return [
    entry("tenants/default", { name: TENANT, ...stamp }),
    entry("spaces/default", {}),
    entry("counters/networks", { nextId: 2, last: { vlan: SEGMENT, vxlan: 9999 } }),
    entry(`segments/vlan/${SEGMENT}`, { tenant: TENANT, network: NETWORK }),
    entry("networks/default/web", { tenant: TENANT, name: NETWORK, id: "n1", subnets, ...network }),
    ...Array.from({ length: NODES }, (_, number) =>
      entry(`nodes/h${number}`, { name: `h${number}`, version: "1", ...stamp }),
    ),
  ];
}

function claimed(number: number, bound: boolean): Operation[] {
  const identity = Identity.parse(`prod/team-${number % 50}/workload-${number}`);
  const address = IpAddress.fromV4Number(0x0a_00_00_02 + number);
  const mac = MacAddress.ofAddress(address, SEGMENT);
  const of = { tenant: TENANT, network: NETWORK, identity };
  const at = new Date(Date.parse(AT) + number * 997).toISOString();
  const history = { tenant: TENANT, network: NETWORK, address, identity, event: "claimed", at, actor: "operator" };
  const claim = {
    ...of,
    addresses: [address],
    mac,
    retention: { kind: "reserved" },
    epoch: bound ? 1 : 0,
    labels: { env: "prod", team: `team-${number % 50}` },
    createdAt: at,
  };
  const [node, endpoint] = [`h${number % NODES}`, `h${number % NODES}-${number.toString(36).padStart(16, "0")}`];
  const moment = `${at}-${String(number % 1_000_000).padStart(6, "0")}-0badcafe`;
  const operations = [
    entry(`claims/default/web/${identity}`, bound ? { ...claim, binding: { node, endpoint, since: at } } : claim),
    entry(`addresses/default/web/${address}`, { identity }),
    entry(`ledger/default/web/${address}/${moment}`, history),
  ];
  if (!bound) return operations;
  const phases = ["reserved", "wired", "active"].map((phase) => ({ phase, at, actor: `node/${node}` }));
  const workload = {
    runtime: "docker",
    endpoint: number.toString(16).padStart(64, "0"),
    container: `workload-${number}`,
  };
  return [
    ...operations,
    entry(`endpoints/${endpoint}`, {
      id: endpoint,
      ...of,
      node,
      epoch: 1,
      addresses: [address],
      mac,
      phase: "active",
      history: phases,
      workload,
      createdAt: at,
    }),
  ];
}

function entry(key: string, value: object): Operation {
  return { kind: "put", key, value: JSON.stringify(value) };
}
