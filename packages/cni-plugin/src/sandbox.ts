import { type Stats, statSync } from "node:fs";
import { Cidr, IpAddress, isHoldfastError, type MacAddress, type Reached } from "@holdfast/core";
import type { AttachedInterface } from "@holdfast/model";
import type { InterfaceAddress, Kernel, Route } from "@holdfast/netlink";
import { CniError, CniErrorCode } from "./protocol/cni-error.ts";

/** What an interface in a sandbox is to be. */
export interface SandboxInterface {
  readonly ifName: string;
  readonly mac: MacAddress;
  readonly addresses: readonly Omit<InterfaceAddress, "link">[];
  /** One of each family, of the subnets of its addresses. */
  readonly gateways: readonly IpAddress[];
  /** Those of the gateways to which default routes lead. */
  readonly defaultVia: readonly IpAddress[];
  /** Of its network, behind its gateways and not on the link: there are routes to them where there is no default route. */
  readonly beyond: readonly Cidr[];
}

/** Added to a link's index: the metric of the way to a gateway that several interfaces of a container have under one address. */
const SHARED_GATEWAY_METRIC = 1000;

/** `RTPROT_STATIC` of linux/rtnetlink.h: the sandbox's routes are its own affair. */
const STATIC = 4;

/** A container's network namespace, while something is done to it. */
export class Sandbox implements AsyncDisposable {
  readonly path: string;
  readonly #kernel: Kernel;

  private constructor(path: string, kernel: Kernel) {
    this.path = path;
    this.#kernel = kernel;
  }

  /** @throws CniError when there is no such namespace, or when it is the machine's own. */
  static async open(machine: Kernel, path: string): Promise<Sandbox> {
    refuseOwn(path);
    try {
      return new Sandbox(path, await machine.enter(path));
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      const text = `CNI_NETNS ${path} cannot be entered: ${error.message}`;
      throw new CniError(CniErrorCode.invalidNamespace, text, { cause: error });
    }
  }

  /**
   * Takes the name from an interface that is about to go: the kernel takes its time over that, and the name is free from now on. Nothing happens when
   * the sandbox or an interface with this name and MAC is not there.
   *
   * @throws HoldfastError when the kernel refuses.
   */
  static async release(
    machine: Kernel,
    path: string,
    { ifName, mac }: Pick<SandboxInterface, "ifName" | "mac">,
  ): Promise<void> {
    let inside: Kernel;
    try {
      inside = await machine.enter(path);
    } catch (error) {
      // A file that is no namespace any more is what is left of one.
      if (isHoldfastError(error, "not_found") || isHoldfastError(error, "invalid_argument")) return;
      throw error;
    }
    try {
      const link = await inside.getLink(ifName);
      if (link?.mac !== mac) return;
      // With it go its routes, which a successor wants; and kernels before 6.2 do not rename what is up.
      await inside.setLink(ifName, { up: false });
      await inside.setLink(ifName, { name: `hfx${link.index}` });
    } finally {
      await inside.close();
    }
  }

  /** @throws CniError when the name is taken by an interface that has not this MAC. */
  async refuseTaken(ifName: string, own: MacAddress | undefined): Promise<void> {
    const present = await this.#kernel.getLink(ifName);
    if (present === undefined || (own !== undefined && present.mac === own)) return;
    const text = `CNI_IFNAME ${ifName} exists in ${this.path} already, with MAC ${present.mac}; remove it or use another name`;
    throw new CniError(CniErrorCode.refused, text);
  }

  /**
   * Those of an interface's gateways that are to have default routes: of the families in which no other interface has one, all when it is asked for,
   * none when it is not wanted.
   *
   * @throws CniError when it is asked for and another interface has it.
   */
  async defaultGateways(
    { ifName, gateways }: Pick<SandboxInterface, "ifName" | "gateways">,
    isAsked: boolean | undefined,
  ): Promise<readonly IpAddress[]> {
    if (isAsked === false || gateways.length === 0) return [];
    const families = [...new Set(gateways.map((gateway) => IpAddress.family(gateway)))];
    const [family] = families;
    const all = await this.#kernel.listRoutes(family === undefined || families.length > 1 ? {} : { family });
    const others = all.filter(({ link }) => link !== ifName);
    const otherOf = (gateway: IpAddress) => others.find(({ prefix }) => prefix === defaultPrefix(gateway));
    const taken = gateways.map(otherOf).find((route) => route !== undefined);
    if (isAsked !== true || taken === undefined) return gateways.filter((each) => otherOf(each) === undefined);
    const text = `"defaultRoute" is asked for ${ifName}, and ${taken.link} has the route ${taken.prefix} in ${this.path} already`;
    throw new CniError(CniErrorCode.invalidConfig, `${text}; say "defaultRoute": false in one of the configurations`);
  }

  /** Takes the interface from the machine, unless it is here already, and makes it as it is to be. */
  async take(
    machine: Kernel,
    { interfaceName, inSandbox }: Pick<AttachedInterface, "interfaceName" | "inSandbox">,
    wanted: SandboxInterface,
    reached?: Reached,
  ): Promise<void> {
    const { ifName, mac, addresses } = wanted;
    const isHere = inSandbox ?? (await this.#kernel.getLink(ifName))?.mac === mac;
    if (!isHere && (await this.#kernel.getLink(interfaceName)) === undefined) {
      await machine.setLink(interfaceName, { namespace: this.path });
    }
    reached?.("cni.add-moved");
    if (!isHere) await this.#kernel.setLink(interfaceName, { name: ifName });
    const routes = routesOf(wanted, isMain(wanted) ? 0 : ((await this.#kernel.getLink(ifName))?.index ?? 0));
    const changes = [
      { kind: "up", link: "lo" },
      ...addresses.map((address) => ({ kind: "address", address: { link: ifName, ...address } }) as const),
      { kind: "up", link: ifName },
      ...routes.map((route) => ({ kind: "route", route }) as const),
    ] as const;
    await this.#kernel.apply(changes);
    reached?.("cni.add-dressed");
  }

  /** What of the interface is not as it is to be; empty: nothing. What others have added is not looked at. */
  async differences(wanted: SandboxInterface): Promise<readonly string[]> {
    const { ifName, mac, addresses } = wanted;
    const link = await this.#kernel.getLink(ifName);
    if (link === undefined) return [`interface ${ifName} is missing`];
    const [present, routes] = [await this.#kernel.listAddresses(ifName), await this.#kernel.listRoutes()];
    const missing = addresses.filter(
      ({ address, length }) => !present.some((each) => each.address === address && each.length === length),
    );
    const pathless = routesOf(wanted, link.index).filter(
      ({ prefix, nextHop }) =>
        !routes.some((each) => each.prefix === prefix && each.nextHop === nextHop && each.link === ifName),
    );
    return [
      ...(link.mac === mac ? [] : [`interface ${ifName} has MAC ${link.mac} instead of ${mac}`]),
      ...(link.up ? [] : [`interface ${ifName} is down`]),
      ...missing.map(({ address, length }) => `address ${address}/${length} is missing on ${ifName}`),
      ...pathless.map(({ prefix, nextHop }) =>
        nextHop === undefined
          ? `the route ${prefix} on ${ifName} is missing`
          : `the route ${prefix} via ${nextHop} is missing`,
      ),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kernel.close();
  }
}

/** The prefix of the default route over a gateway. */
export function defaultPrefix(gateway: IpAddress): string {
  return IpAddress.family(gateway) === "v4" ? "0.0.0.0/0" : "::/0";
}

/** Prefixes that lead to a gateway of the interface: everything, or what of its network is behind it. */
export function prefixesVia(
  { defaultVia, beyond }: Pick<SandboxInterface, "defaultVia" | "beyond">,
  gateway: IpAddress,
): readonly string[] {
  if (defaultVia.includes(gateway)) return [defaultPrefix(gateway)];
  return beyond.filter((prefix) => Cidr.family(prefix) === IpAddress.family(gateway));
}

/** Whether it has all the default routes there are for it: then its index counts for nothing in {@link routesOf}. */
function isMain({ gateways, defaultVia }: SandboxInterface): boolean {
  return gateways.every((gateway) => defaultVia.includes(gateway));
}

/** What leads to its gateways, each after the way to the gateway itself where that is in no prefix on the link. */
function routesOf(wanted: SandboxInterface, index: number): readonly Route[] {
  const { ifName, defaultVia, addresses, gateways } = wanted;
  const onLink = addresses.map(({ address, length }) => Cidr.of(address, length));
  return gateways.flatMap((nextHop): Route[] => {
    const routes = prefixesVia(wanted, nextHop).map((prefix) => ({ prefix, nextHop, link: ifName, protocol: STATIC }));
    // A link-local IPv6 address is on every link.
    const isOnLink = IpAddress.family(nextHop) === "v6" || onLink.some((prefix) => Cidr.contains(prefix, nextHop));
    if (isOnLink || routes.length === 0) return routes;
    const metric = defaultVia.includes(nextHop) ? {} : { metric: SHARED_GATEWAY_METRIC + index };
    return [{ prefix: `${nextHop}/32`, link: ifName, protocol: STATIC, ...metric }, ...routes];
  });
}

function refuseOwn(path: string): void {
  const [own, asked] = [fileOf("/proc/self/ns/net"), fileOf(path)];
  if (own === undefined || asked === undefined || own.ino !== asked.ino || own.dev !== asked.dev) return;
  const text = `CNI_NETNS ${path} is the machine's own network namespace; give the container one of its own`;
  throw new CniError(CniErrorCode.invalidNamespace, text);
}

/** No disk is behind the files of namespaces: to have another thread look would take ten times as long. */
function fileOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
