/**
 * An entry of the stream: datagrams of one receiver as they came, one after the other. Fields `from` (the receiver), `first` (number of the first
 * datagram, by the receiver's own count) and `at` (when it came, milliseconds since 1970) are text; `datagrams` is, for each of them, how many
 * milliseconds after `at` it came (16 bits), its length (16 bits), and its bytes.
 */
export interface Entry {
  /** One life of one receiver, e.g. `"h1-5f0c2b9e"`. */
  readonly from: string;
  /** Datagrams that this receiver had given numbers to before, those included that it then had no room for. */
  readonly first: number;
  readonly at: number;
  readonly datagrams: Uint8Array;
}

/** Before each datagram. */
export const DATAGRAM_HEAD = 4;
/** An entry ends where a later datagram's time does not fit. */
export const MOST_MILLISECONDS = 0xffff;

/** In the order that {@link readEntry} expects. */
export function entryFields({ from, first, at, datagrams }: Entry): readonly (string | Buffer)[] {
  const bytes = Buffer.from(datagrams.buffer, datagrams.byteOffset, datagrams.length);
  return ["from", from, "first", String(first), "at", String(at), "datagrams", bytes];
}

/** Undefined: these are no fields of ours; somebody else wrote to the stream. */
export function readEntry(fields: readonly Uint8Array[]): Entry | undefined {
  const values = new Map<string, Uint8Array>();
  for (let index = 0; index + 1 < fields.length; index += 2)
    values.set(textOf(fields[index]), fields[index + 1] as Uint8Array);
  const [first, at] = [Number(textOf(values.get("first"))), Number(textOf(values.get("at")))];
  const [from, datagrams] = [textOf(values.get("from")), values.get("datagrams")];
  if (from === "" || datagrams === undefined) return undefined;
  if (!Number.isSafeInteger(first) || first < 0 || !Number.isSafeInteger(at) || at < 0) return undefined;
  return { from, first, at, datagrams };
}

/** Hands on each datagram where it lies, and when it came. What is cut off at the end is left out. */
export function forEachDatagram(
  { at, datagrams }: Pick<Entry, "at" | "datagrams">,
  take: (view: DataView, start: number, length: number, at: number) => void,
): void {
  const view = new DataView(datagrams.buffer, datagrams.byteOffset, datagrams.length);
  for (let place = 0; place + DATAGRAM_HEAD <= view.byteLength; ) {
    const length = view.getUint16(place + 2);
    const start = place + DATAGRAM_HEAD;
    if (start + length > view.byteLength) return;
    take(view, start, length, at + view.getUint16(place));
    place = start + length;
  }
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "" : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
