import type { Writable } from "node:stream";
import type { NodeFeedMessage } from "@holdfast/model";

const CHUNK_CHARACTERS = 65_536;

/** One node that listens: what it is to be told, in order, as fast as it reads. */
export class FeedConnection {
  readonly #output: Writable;
  readonly #mostWaiting: number;
  readonly #tooSlow: () => void;
  /** What there was when the node came; made into text only when it is written. */
  #snapshot: Iterator<NodeFeedMessage> | undefined;
  #waiting: string[] = [];
  #waitingCharacters = 0;
  #blocked = false;

  constructor(
    output: Writable,
    snapshot: Iterable<NodeFeedMessage>,
    options: { readonly mostWaiting: number; readonly tooSlow: () => void },
  ) {
    this.#output = output;
    this.#snapshot = snapshot[Symbol.iterator]();
    this.#mostWaiting = options.mostWaiting;
    this.#tooSlow = options.tooSlow;
    output.on("drain", () => {
      this.#blocked = false;
      this.pump();
    });
  }

  /** Whether everything has been handed to the socket. */
  get idle(): boolean {
    return !this.#blocked && this.#snapshot === undefined && this.#waiting.length === 0;
  }

  /** Puts a line (with its line feed) behind everything else; a reader that lets too much pile up is cut off. */
  send(line: string): void {
    this.#waiting.push(line);
    this.#waitingCharacters += line.length;
    if (this.#waitingCharacters > this.#mostWaiting) {
      this.#tooSlow();
      this.#output.destroy();
      return;
    }
    this.pump();
  }

  /** Writes until the socket is full. */
  pump(): void {
    while (!this.#blocked && !this.#output.destroyed) {
      const chunk = this.#nextChunk();
      if (chunk === "") return;
      this.#blocked = !this.#output.write(chunk);
    }
  }

  #nextChunk(): string {
    let chunk = "";
    while (this.#snapshot !== undefined && chunk.length < CHUNK_CHARACTERS) {
      const { value, done } = this.#snapshot.next();
      if (done === true) this.#snapshot = undefined;
      else chunk += lineOf(value);
    }
    if (chunk !== "" || this.#waiting.length === 0) return chunk;
    chunk = this.#waiting.join("");
    this.#waiting = [];
    this.#waitingCharacters = 0;
    return chunk;
  }
}

/** A message as it goes over the wire. */
export function lineOf(message: NodeFeedMessage): string {
  return `${JSON.stringify(message)}\n`;
}
