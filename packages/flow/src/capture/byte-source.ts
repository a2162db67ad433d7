/** Bytes that come in pieces, taken in other pieces. */
export interface ByteSource {
  /** How many bytes were taken so far. */
  readonly offset: number;
  /** The next `count` bytes; fewer when there are no more. They stay as they are. */
  take(count: number): Promise<Uint8Array>;
}

export function createByteSource(chunks: AsyncIterable<Uint8Array>): ByteSource {
  const iterator = chunks[Symbol.asyncIterator]();
  let rest = new Uint8Array();
  let offset = 0;

  async function fill(count: number): Promise<void> {
    const parts: Uint8Array[] = [rest];
    let length = rest.length;
    while (length < count) {
      const { value, done } = await iterator.next();
      if (done === true) break;
      parts.push(value);
      length += value.length;
    }
    rest = joined(parts, length);
  }

  return {
    get offset() {
      return offset;
    },
    async take(count) {
      if (rest.length < count) await fill(count);
      const taken = rest.subarray(0, count);
      rest = rest.subarray(count);
      offset += taken.length;
      return taken;
    },
  };
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
