import { Cidr, IpAddress } from "@holdfast/core";
import type { WiredNetwork } from "@holdfast/model";
import type { Flow } from "@holdfast/openflow";
import type { RowStatus } from "../../driver.ts";
import { GATEWAY_MAC } from "../../links/gateway-mac.ts";
import { MACHINE_RULES } from "../../machine/machine-side.ts";
import { PlannedSide, type PlanOutcome, refusedPorts } from "../../machine/planned-side.ts";
import type { RuleSet } from "../../machine/rule-set.ts";
import { Contributions } from "../../reconcile/contributions.ts";
import type { Table } from "../../reconcile/table.ts";
import { accessRules } from "./firewall-access.ts";
import type { MemberPorts } from "./flow-plan.ts";
import { type FlowRow, flowRows } from "./flow-row.ts";
import { networkParty } from "./network-party.ts";
import type { OvsSettings } from "./options.ts";
import {
  ACCESS_ADDRESS,
  ACCESS_PREFIX,
  type AccessParty,
  accessBase,
  accessFromEndpoint,
  accessToEndpoint,
  readStandIns,
} from "./pipeline/host-access.ts";
import { cookieOf, FixedPort } from "./pipeline/layout.ts";
import { StandIns } from "./stand-ins.ts";
import type { GatewayRow } from "./tables/gateways.ts";
import { DEFAULT_MTU } from "./tables/links.ts";

interface AccessDependencies {
  readonly flows: Table<FlowRow>;
  readonly gateways: Table<GatewayRow>;
  readonly firewall: Table<RuleSet>;
  /** Flows of an earlier run, which say what stands for whom. */
  readonly inherited: readonly Flow[];
}

/** An endpoint whose ports can be published. */
interface Publisher extends MemberPorts {
  readonly wired: WiredNetwork;
  readonly address: IpAddress;
  readonly gateway: IpAddress;
}

interface Served extends Publisher {
  readonly endpoint: string;
  /** What the machine knows it by. */
  readonly standIn: IpAddress;
}

/**
 * The way from this machine to published ports of networks behind its uplink: one port of the machine's own among its containers, there
 * while any of them publishes.
 */
export class HostAccess extends PlannedSide<MemberPorts> {
  readonly #dependencies: AccessDependencies;
  readonly #settings: OvsSettings;
  readonly #rows: Contributions<FlowRow>;
  readonly #standIns = new StandIns();
  readonly #served = new Map<string, Served>();

  constructor(dependencies: AccessDependencies, settings: OvsSettings) {
    super();
    this.#dependencies = dependencies;
    this.#settings = settings;
    this.#rows = new Contributions(dependencies.flows);
    this.#rows.replace("base", flowRows(accessBase, cookieOf("base")));
    this.#standIns.inherit(readStandIns(dependencies.inherited));
  }

  protected concernsNetworks(): boolean {
    return this.ports.size > 0;
  }

  protected async settled(touched: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { flows, firewall } = this.#dependencies;
    await Promise.all([flows.settled(touched, signal), firewall.settled([MACHINE_RULES], signal)]);
  }

  protected plan(): PlanOutcome {
    const refused: RowStatus[] = [];
    const chosen = new Map<string, Publisher>();
    for (const [endpoint, published] of this.ports) {
      const choice = this.#choose(published);
      if (typeof choice === "string") refused.push(refusedPorts(endpoint, orDirectly(choice)));
      else chosen.set(endpoint, choice);
    }
    const standIns = this.#standIns.assign(new Set([...chosen.values()].map(({ member }) => member.port)));
    const publishers = [...chosen].flatMap(([endpoint, publisher]) => {
      const standIn = standIns.get(publisher.member.port);
      if (standIn !== undefined) return [{ ...publisher, endpoint, standIn }];
      refused.push(
        refusedPorts(
          endpoint,
          orDirectly(`${standIns.size} endpoints of this machine publish ports, which is the most`),
        ),
      );
      return [];
    });
    const touched = this.#placeAll(publishers);
    const { names } = this.#settings;
    const ports = publishers.flatMap((each) =>
      each.ports.filter(({ address }) => address === each.address).map((port) => ({ ...port, address: each.standIn })),
    );
    this.#dependencies.firewall.set(accessRules({ gatewayPrefix: names.gatewayPrefix, link: names.hostAccess, ports }));
    return { touched, refused };
  }

  /** Or the reason why its ports cannot be published. */
  #choose(published: MemberPorts): Publisher | string {
    const { member, network, ports } = published;
    const wired = this.networks.get(network);
    if (wired === undefined) return `network ${network} is not known here`;
    const address = member.addresses.find((each) => IpAddress.family(each) === "v4");
    const publishable = ports.some(
      ({ hostAddress }) => hostAddress === undefined || IpAddress.family(hostAddress) === "v4",
    );
    if (address === undefined || !publishable) return "behind an uplink they are published over IPv4 only";
    const gateway = wired.subnets.find(({ prefix }) => Cidr.contains(prefix, address))?.gateway;
    if (gateway !== undefined) return { ...published, wired, address, gateway };
    return `the subnet of ${address} has no gateway, so the endpoint could not answer; give the subnet one`;
  }

  #placeAll(publishers: readonly Served[]): ReadonlySet<string> {
    let touched: ReadonlySet<string> = new Set();
    const staying = new Set(publishers.map(({ endpoint }) => endpoint));
    for (const endpoint of this.#served.keys()) {
      if (staying.has(endpoint)) continue;
      this.#served.delete(endpoint);
      touched = touched.union(this.#rows.remove(endpoint));
    }
    if (publishers.length === 0) {
      this.#dependencies.gateways.delete(this.#settings.names.hostAccess);
      return touched;
    }
    this.#open(publishers);
    for (const publisher of publishers) {
      const before = this.#served.get(publisher.endpoint);
      this.#served.set(publisher.endpoint, publisher);
      if (before !== undefined && isSame(before, publisher)) continue;
      touched = touched.union(this.#rows.replace(publisher.endpoint, this.#flowsOf(publisher)));
    }
    return touched;
  }

  #flowsOf({ member, wired, ...publisher }: Served): readonly FlowRow[] {
    const { address, gateway, standIn } = publisher;
    const network = networkParty(wired, this.#settings);
    const access = { port: FixedPort.access, mac: GATEWAY_MAC };
    const party: AccessParty = { network, endpoint: member, address, gateway, standIn, access };
    const cookie = cookieOf("access", member.port);
    const row = { table: this.#dependencies.gateways.name, key: this.#settings.names.hostAccess };
    return [
      ...flowRows(accessToEndpoint(party), cookie, row),
      ...flowRows(accessFromEndpoint(party), cookie, member.row),
    ];
  }

  /** The machine's port; its MTU is the largest of the networks', and less than that stands at the routes. */
  #open(publishers: readonly Served[]): void {
    const mtu = Math.max(DEFAULT_MTU, ...publishers.map(({ wired }) => wired.mtu));
    const routes = publishers
      .filter(({ wired }) => wired.mtu < mtu)
      .map(({ standIn, wired }) => ({ prefix: `${standIn}/32`, mtu: wired.mtu }));
    this.#dependencies.gateways.set({
      name: this.#settings.names.hostAccess,
      number: FixedPort.access,
      mtu,
      addresses: [{ address: ACCESS_ADDRESS, length: Cidr.length(ACCESS_PREFIX) }],
      routes,
    });
  }
}

function isSame(a: Served, b: Served): boolean {
  return a.member === b.member && a.wired === b.wired && a.standIn === b.standIn;
}

function orDirectly(reason: string): string {
  return `${reason}; or use the endpoint's own address`;
}
