import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";

/** A field of a protobuf message by its number, as it is written: text, a number, or a message within. */
export type Field = readonly [number: number, value: string | number | readonly Field[]];
/** A message that was read: what is of variable length is bytes, which may be text or a message. */
export type Read = ReadonlyMap<number, readonly (number | Buffer)[]>;

/** The encoding of a message (protobuf.dev, "Encoding"): integers and what has a length are all that CRI needs. */
export function encode(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === "number") return [varint(number << 3), varint(value)];
      const content = typeof value === "string" ? Buffer.from(value) : encode(value);
      return [varint((number << 3) | 2), varint(content.length), content];
    }),
  );
}

export function decode(bytes: Buffer): Read {
  const message = new Map<number, (number | Buffer)[]>();
  let at = 0;
  const next = (): number => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError("the message ends in the middle of a number");
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  };
  while (at < bytes.length) {
    const key = next();
    const length = next();
    const hasLength = (key & 7) === 2;
    if (hasLength) at += length;
    message.set(key >>> 3, [...(message.get(key >>> 3) ?? []), hasLength ? bytes.subarray(at - length, at) : length]);
  }
  return message;
}

/** The message in a field; empty when there is none. */
export function inside(message: Read, field: number): Read {
  return decode(bytesOf(message, field));
}

/** All messages in a field that may be there several times. */
export function all(message: Read, field: number): readonly Read[] {
  return (message.get(field) ?? []).flatMap((value) => (Buffer.isBuffer(value) ? [decode(value)] : []));
}

export function textOf(message: Read, field: number): string {
  return bytesOf(message, field).toString();
}

function bytesOf(message: Read, field: number): Buffer {
  const value = message.get(field)?.at(-1);
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}

/** Milliseconds for one call. */
const PATIENCE = 60_000;

/**
 * One unary call of gRPC over HTTP/2 on a unix socket (grpc.io, "gRPC over HTTP2"), e.g. of `/runtime.v1.RuntimeService/Version`.
 *
 * @throws Error with the server's message.
 */
export async function call(socketPath: string, path: string, request: readonly Field[]): Promise<Read> {
  const session = connectHttp2("http://localhost", { createConnection: () => connect(socketPath) });
  try {
    return await new Promise((resolve, reject) => {
      session.once("error", reject);
      const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
      const stream = session.request(headers, { signal: AbortSignal.timeout(PATIENCE) });
      const pieces: Buffer[] = [];
      const onHeaders = ({ "grpc-status": status, "grpc-message": message = "" }: Record<string, unknown>): void => {
        if (status !== undefined && status !== "0") reject(new Error(decodeURIComponent(String(message))));
      };
      stream.once("error", reject).on("response", onHeaders).on("trailers", onHeaders);
      stream.on("data", (piece: Buffer) => pieces.push(piece));
      // One byte says that it is not compressed, four how long it is.
      stream.on("end", () => resolve(decode(Buffer.concat(pieces).subarray(5))));
      const message = encode(request);
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      stream.end(Buffer.concat([head, message]));
    });
  } finally {
    session.close();
  }
}
