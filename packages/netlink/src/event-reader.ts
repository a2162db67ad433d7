import type { MacAddress } from "@holdfast/core";

import { decodeAddress } from "./codec/address.ts";
import { decodeLink } from "./codec/link.ts";
import { type Message, MessageType } from "./codec/message.ts";
import { decodeNeighbour, listNeighboursRequest } from "./codec/neighbour.ts";
import { decodeRoute } from "./codec/route.ts";
import type { KernelEvent } from "./kernel.ts";
import { linkName } from "./link-names.ts";
import { listLinks } from "./links.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";
import { namedAddress, namedRoute } from "./tables.ts";

const AF_BRIDGE = 7;

/**
 * Turns notifications into events. It remembers what a later notification leaves out: the name of a link that is gone, the MAC of a
 * neighbour that is gone.
 */
export class EventReader {
  readonly #socket: NetlinkSocket;
  readonly #names = new Map<number, string>();
  /** By `"index address"`. */
  readonly #macs = new Map<string, MacAddress>();

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
    this.refresh();
  }

  /** Reads the tables again after notifications were lost. */
  refresh(): void {
    this.#names.clear();
    this.#macs.clear();
    for (const link of listLinks(this.#socket)) this.#names.set(link.index, link.name);
    const neighbours = this.#socket.dump("list neighbours", listNeighboursRequest(0), decodeNeighbour);
    for (const { index, address, mac } of neighbours) if (mac !== undefined) this.#macs.set(`${index} ${address}`, mac);
  }

  /** None or one event. */
  read({ type, body }: Message): KernelEvent[] {
    switch (type) {
      case MessageType.newLink:
      case MessageType.deleteLink:
        return this.#readLink(body, type === MessageType.deleteLink);
      case MessageType.newAddress:
      case MessageType.deleteAddress:
        return this.#readAddress(body, type === MessageType.deleteAddress);
      case MessageType.newRoute:
      case MessageType.deleteRoute:
        return this.#readRoute(body, type === MessageType.deleteRoute);
      case MessageType.newNeighbour:
      case MessageType.deleteNeighbour:
        return this.#readNeighbour(body, type === MessageType.deleteNeighbour);
      default:
        return [];
    }
  }

  #readLink(body: Uint8Array, gone: boolean): KernelEvent[] {
    const { link, family } = decodeLink(body);
    if (family === AF_BRIDGE) return [];
    if (!gone) {
      this.#names.set(link.index, link.name);
      return [{ kind: "link", link }];
    }
    this.#names.delete(link.index);
    for (const key of this.#macs.keys()) if (key.startsWith(`${link.index} `)) this.#macs.delete(key);
    return [{ kind: "link-gone", index: link.index, name: link.name }];
  }

  #readAddress(body: Uint8Array, gone: boolean): KernelEvent[] {
    const row = decodeAddress(body);
    const link = row === undefined ? undefined : this.#name(row.index);
    if (row === undefined || link === undefined) return [];
    return [{ kind: "address", address: namedAddress(row, link), gone }];
  }

  #readRoute(body: Uint8Array, gone: boolean): KernelEvent[] {
    const row = decodeRoute(body);
    return row === undefined ? [] : [{ kind: "route", route: namedRoute(row, (index) => this.#name(index)), gone }];
  }

  /** Removal is told as a neighbour without MAC that has failed. */
  #readNeighbour(body: Uint8Array, deleted: boolean): KernelEvent[] {
    const row = decodeNeighbour(body);
    const link = row === undefined ? undefined : this.#name(row.index);
    if (row === undefined || link === undefined) return [];
    const key = `${row.index} ${row.address}`;
    const mac = row.mac ?? this.#macs.get(key);
    if (mac === undefined) return [];
    const gone = deleted || row.mac === undefined;
    if (gone) this.#macs.delete(key);
    else this.#macs.set(key, mac);
    return [{ kind: "neighbour", neighbour: { link, address: row.address, mac, state: row.state }, gone }];
  }

  #name(index: number): string | undefined {
    return this.#names.get(index) ?? linkName(this.#socket.fd, index);
  }
}
