import { IpAddress } from "@holdfast/core";
import { viewOf } from "../codec/attributes.ts";
import { AF_INET, AF_INET6 } from "../codec/family.ts";
import { check, libc, SystemError } from "../libc.ts";
import { receiveWaiting } from "../netlink-socket.ts";

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const ICMP = { v4: { domain: AF_INET, protocol: 1, request: 8 }, v6: { domain: AF_INET6, protocol: 58, request: 128 } };

/**
 * Asks an address for an echo (icmp(7), "ping sockets"), without a program for each. `net.ipv4.ping_group_range` must have this process's group, in its
 * network namespace.
 */
export class Ping implements Disposable {
  readonly #fd: number;
  readonly #request: number;
  readonly #buffer = new Uint8Array(256);

  constructor(to: IpAddress) {
    const { domain, protocol, request } = ICMP[IpAddress.family(to)];
    this.#fd = check("socket", libc.socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    const address = socketAddress(domain, to);
    check("connect", libc.connect(this.#fd, address, address.length));
    this.#request = request;
    this.ask();
  }

  /** Asks again, as the same one. */
  ask(): void {
    // The kernel fills in identifier and checksum.
    const message = Uint8Array.of(this.#request, 0, 0, 0, 0, 0, 0, 1, ...new Uint8Array(24));
    // Where there is no way to it, nobody answers.
    libc.send(this.#fd, message, message.length, 0);
  }

  /** Whether an echo has come by now. */
  get isAnswered(): boolean {
    try {
      return receiveWaiting(this.#fd, this.#buffer) !== undefined;
    } catch (error) {
      // What ICMP says against it.
      if (error instanceof SystemError) return false;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    libc.close(this.#fd);
  }
}

/** struct sockaddr_in, sockaddr_in6: family, port, then (behind a flow label) the address. */
function socketAddress(domain: number, to: IpAddress): Uint8Array {
  const bytes = new Uint8Array(domain === AF_INET ? 16 : 28);
  viewOf(bytes).setUint16(0, domain, true);
  bytes.set(IpAddress.toBytes(to), domain === AF_INET ? 4 : 8);
  return bytes;
}
