import type { Outcome, Request } from "./codec/message.ts";
import { type NetlinkSocket, socketBeside } from "./netlink-socket.ts";

/**
 * Where requests go that take the kernel long: a link that leaves its namespace or the world waits for all processors to have let go
 * of it (rcu_barrier), some 20 ms that the event loop must not wait along. One at a time, on a socket of their own.
 */
export class SlowLane {
  readonly #beside: NetlinkSocket;
  #socket: NetlinkSocket | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** The lane's socket is opened on first use, in the namespace of `beside`. */
  constructor(beside: NetlinkSocket) {
    this.#beside = beside;
  }

  async run(request: Request): Promise<Outcome> {
    this.#socket ??= socketBeside(this.#beside);
    const socket = this.#socket;
    const turn = this.#last.then(async () => await socket.transactElsewhere([request]));
    this.#last = turn.catch(() => {});
    const [outcome] = await turn;
    return outcome ?? { errno: 0 };
  }

  /** After what is under way is done. */
  async close(): Promise<void> {
    await this.#last;
    this.#socket?.close();
  }
}
