import type { Outcome, Request } from "./codec/message.ts";
import { type NetlinkSocket, socketBeside } from "./netlink-socket.ts";

/** Acks of one datagram must fit the socket's receive buffer (about 200 KiB, 1 KiB each). */
const REQUESTS_AT_ONCE = 64;

interface Job extends PromiseWithResolvers<readonly Outcome[]> {
  readonly requests: readonly Request[];
}

/**
 * Where changes go while others wait for the event loop: the kernel works them off on a thread and a socket of their own. What is asked for while a
 * datagram is under way goes in the next one, all together.
 */
export class BatchLane {
  readonly #beside: NetlinkSocket;
  #socket: NetlinkSocket | undefined;
  #waiting: Job[] = [];
  #work: Promise<void> | undefined;

  /** The lane's socket is opened on first use, in the namespace of `beside`. */
  constructor(beside: NetlinkSocket) {
    this.#beside = beside;
  }

  /** The outcomes of the requests, which the kernel works off in their order, after those that were asked for before. */
  async transact(requests: readonly Request[]): Promise<readonly Outcome[]> {
    const job = { requests, ...Promise.withResolvers<readonly Outcome[]>() };
    this.#waiting.push(job);
    this.#work ??= this.#workOff();
    return await job.promise;
  }

  /** After what was asked for is done. */
  async close(): Promise<void> {
    await this.#work;
    this.#socket?.close();
  }

  async #workOff(): Promise<void> {
    // All that the event loop is about to ask for goes along.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#send(this.#takeNext());
    this.#work = undefined;
  }

  /** As many as fit, and one at least. */
  #takeNext(): readonly Job[] {
    let [jobs, room] = [0, REQUESTS_AT_ONCE];
    for (const { requests } of this.#waiting) {
      room -= requests.length;
      if (room < 0) break;
      jobs += 1;
    }
    return this.#waiting.splice(0, Math.max(1, jobs));
  }

  async #send(jobs: readonly Job[]): Promise<void> {
    try {
      this.#socket ??= socketBeside(this.#beside);
      const outcomes = await this.#socket.transactElsewhere(jobs.flatMap(({ requests }) => requests));
      let start = 0;
      for (const { requests, resolve } of jobs) {
        resolve(outcomes.slice(start, start + requests.length));
        start += requests.length;
      }
    } catch (error) {
      for (const { reject } of jobs) reject(error);
    }
  }
}
