/** A whole HTTP/1.1 reply. */
export interface Reply {
  readonly status: number;
  readonly body: string;
}

/** Puts together the pieces of replies with a Content-Length, one at a time (RFC 9112 section 6.2): all that a load generator needs. */
export class PartialReply {
  #text = "";

  /** The reply that this piece completes; undefined: more is to come. */
  take(chunk: Buffer): Reply | undefined {
    this.#text += chunk.toString("latin1");
    const headEnd = this.#text.indexOf("\r\n\r\n");
    if (headEnd < 0) return undefined;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#text)?.[1]);
    if (Number.isNaN(length)) throw new TypeError(`a reply without Content-Length: ${this.#text.slice(0, headEnd)}`);
    if (this.#text.length < headEnd + 4 + length) return undefined;
    const reply = { status: Number(this.#text.slice(9, 12)), body: this.#text.slice(headEnd + 4) };
    this.#text = "";
    return reply;
  }
}
