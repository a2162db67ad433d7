import { HoldfastError } from "@holdfast/core";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

/** A server that sends a single message larger than this, in bytes, is not an OVSDB server. */
const LARGEST_MESSAGE = 2 ** 29;

/**
 * Cuts a byte stream into the JSON objects that follow one another in it (RFC 7047 section 4: no separator between messages).
 *
 * Each byte is looked at once, however the stream is chopped. Only ASCII bytes decide, and no byte of a longer UTF-8
 * sequence is ASCII, so a character cut in two does no harm.
 */
export class JsonFraming {
  #pieces: Uint8Array[] = [];
  #held = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  /**
   * The messages that this chunk completes. The chunk is kept until its last message is complete: hand it over.
   *
   * @throws HoldfastError `unavailable` when the bytes are no sequence of JSON objects; the stream cannot be used any more.
   */
  push(chunk: Uint8Array): unknown[] {
    const messages: unknown[] = [];
    let start = 0;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index] ?? 0;
      if (this.#depth === 0 && byte !== OPEN_BRACE) {
        if (!isSpace(byte)) throw broken("a message does not begin with a brace");
        start = index + 1;
      } else if (this.#endsMessage(byte)) {
        messages.push(parse(this.#take(chunk.subarray(start, index + 1))));
        start = index + 1;
      }
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start));
    return messages;
  }

  #endsMessage(byte: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#inString = false;
      return false;
    }
    if (byte === QUOTE) this.#inString = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth++;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#depth--;
    return this.#depth === 0;
  }

  #hold(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#held += piece.length;
    if (this.#held > LARGEST_MESSAGE) throw broken(`a message has more than ${LARGEST_MESSAGE} bytes`);
  }

  #take(last: Uint8Array): Uint8Array {
    if (this.#pieces.length === 0) return last;
    const whole = Buffer.concat([...this.#pieces, last]);
    this.#pieces = [];
    this.#held = 0;
    return whole;
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
  } catch (cause) {
    throw broken("a message is not JSON", cause);
  }
}

/** JSON's white space: space, tab, line feed, carriage return. */
function isSpace(byte: number): boolean {
  return byte === SPACE || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function broken(what: string, cause?: unknown): HoldfastError {
  return new HoldfastError("unavailable", `the database server's bytes cannot be read: ${what}`, { cause });
}
