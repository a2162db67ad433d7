import { assert } from "@holdfast/core";

import { deleteGroupRequest, deleteLinkRequest, setLinkRequest } from "./codec/link.ts";
import type { Outcome, Request } from "./codec/message.ts";
import { Errno } from "./libc.ts";
import { type NetlinkSocket, socketBeside } from "./netlink-socket.ts";

/** Acks of one datagram must fit the socket's receive buffer (about 200 KiB, 1 KiB each). */
const REMOVALS_AT_ONCE = 64;

interface Removal extends PromiseWithResolvers<Outcome> {
  readonly name: string;
}

/**
 * Where requests go that take the kernel long: a link that leaves its namespace or the world waits for all processors to have let go
 * of it (rcu_barrier), some 20 ms that the event loop must not wait along. One at a time, on a thread and a socket of their own.
 *
 * Links whose removal is asked for while another is under way are then removed all at once, with one such wait.
 */
export class SlowLane {
  readonly #beside: NetlinkSocket;
  #socket: NetlinkSocket | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #removals: Removal[] = [];

  /** The lane's socket is opened on first use, in the namespace of `beside`. */
  constructor(beside: NetlinkSocket) {
    this.#beside = beside;
  }

  async run(request: Request): Promise<Outcome> {
    return await this.#inTurn(async (socket) => {
      const [outcome] = await socket.transactElsewhere([request]);
      assert(outcome !== undefined, "every request has an outcome");
      return outcome;
    });
  }

  /** ENODEV: it was not there. */
  async deleteLink(name: string): Promise<Outcome> {
    const removal = { name, ...Promise.withResolvers<Outcome>() };
    this.#removals.push(removal);
    const turn = this.#inTurn(async (socket) => await this.#removeWaiting(socket));
    turn.catch(removal.reject);
    return await removal.promise;
  }

  /** After what is under way is done. */
  async close(): Promise<void> {
    await this.#last;
    this.#socket?.close();
  }

  async #inTurn<T>(work: (socket: NetlinkSocket) => Promise<T>): Promise<T> {
    this.#socket ??= socketBeside(this.#beside);
    const socket = this.#socket;
    const turn = this.#last.then(async () => await work(socket));
    this.#last = turn.catch(() => {});
    return await turn;
  }

  /** The first turn takes all that wait, so that a later one may find none. */
  async #removeWaiting(socket: NetlinkSocket): Promise<void> {
    const removals = this.#removals.splice(0, REMOVALS_AT_ONCE);
    try {
      const outcomes = await removeLinks(
        socket,
        removals.map(({ name }) => name),
      );
      for (const [index, { resolve }] of removals.entries()) resolve(outcomes[index] ?? { errno: 0 });
    } catch (error) {
      for (const { reject } of removals) reject(error);
    }
  }
}

/**
 * Marks the links with a group number that nobody else has and removes the group: one datagram, one wait. A link that cannot be
 * removed makes the kernel refuse the group before it touches any; then they go one by one, so that each has its own outcome.
 */
async function removeLinks(socket: NetlinkSocket, names: readonly string[]): Promise<Outcome[]> {
  if (names.length > 1) {
    const group = 1 + Math.floor(Math.random() * 0x7ffffffe);
    const marks = names.map((name) => setLinkRequest({ index: 0, name, group }));
    const outcomes = await socket.transactElsewhere([...marks, deleteGroupRequest(group)]);
    const removal = outcomes.pop();
    if (removal?.errno === 0 || removal?.errno === Errno.ENODEV) return outcomes;
    socket.transact(names.map((name) => setLinkRequest({ index: 0, name, group: 0 })));
  }
  const outcomes: Outcome[] = [];
  for (const name of names) outcomes.push(...(await socket.transactElsewhere([deleteLinkRequest(name)])));
  return outcomes;
}
