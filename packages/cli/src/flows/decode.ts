import { HoldfastError, isHoldfastError } from "@holdfast/core";
import {
  type CapturedPacket,
  createSflowDecoder,
  createUdpFinder,
  type DatagramDescription,
  type Found,
  type Refusal,
  readCapture,
} from "@holdfast/flow";
import type { Context } from "../context.ts";
import { jsonLine } from "./json-line.ts";
import { createTally } from "./tally.ts";
import { datagramText, TABLE_TITLE } from "./text.ts";

const SFLOW_PORT = 6343;

/** One line of the output: where a datagram came from, and what it says. */
export interface DecodedDatagram extends Partial<DatagramDescription> {
  /** RFC 3339, UTC. Absent: the capture does not say when. */
  readonly time?: string;
  /** Who sent it; the agent may be another one, behind address translation. */
  readonly from: string;
  readonly bytes: number;
  /** Where the packet's record begins in the file. */
  readonly fileOffset: number;
  readonly refused?: readonly Refusal[];
}

/**
 * Prints a capture's datagrams, and on standard error how many there were, and of what.
 *
 * @throws HoldfastError where the file is broken or cannot be read; what stands before was printed
 */
export async function decodeCapture(context: Context, file: string, portText: string | undefined): Promise<void> {
  const { io, namedOutput } = context;
  const port = portOf(portText);
  const find = createUdpFinder(port);
  const decoder = createSflowDecoder();
  const tally = createTally();
  const asTable = namedOutput === "table";
  if (asTable) io.out(TABLE_TITLE);
  try {
    for await (const packet of readCapture(io.readBytes(file))) {
      if (io.signal.aborted) break;
      const found = find(packet);
      tally.packet(found.kind);
      if (found.kind !== "datagram") continue;
      const { payload } = found;
      const isRead = decoder.decode(payload, 0, payload.byteLength);
      const said = { ...placeOf(packet, found), ...(isRead ? decoder.describe() : { refused: decoder.refused() }) };
      tally.datagram(said);
      io.out(asTable ? datagramText(said) : jsonLine(said));
    }
  } catch (error) {
    if (!tally.isEmpty()) io.err(tally.text(decoder.totals(), port));
    throw inFile(file, error);
  }
  io.err(tally.text(decoder.totals(), port));
}

function portOf(text: string | undefined): number {
  const port = text === undefined ? SFLOW_PORT : Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new HoldfastError("invalid_argument", `--port ${text} is no UDP port; it is a number from 1 to 65535`);
}

function placeOf({ time, offset }: CapturedPacket, { source, payload }: Extract<Found, { kind: "datagram" }>) {
  return {
    ...(time === undefined ? {} : { time: timeText(time) }),
    from: source,
    bytes: payload.byteLength,
    fileOffset: offset,
  };
}

/** With as many digits as the capture has: six, or nine. */
function timeText({ seconds, nanoseconds }: NonNullable<CapturedPacket["time"]>): string {
  const whole = new Date(seconds * 1000);
  if (Number.isNaN(whole.getTime())) return "";
  const digits = String(nanoseconds).padStart(9, "0");
  return `${whole.toISOString().slice(0, 19)}.${nanoseconds % 1000 === 0 ? digits.slice(0, 6) : digits}Z`;
}

const READ_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "it may not be read",
  EISDIR: "it is a folder",
};

function inFile(file: string, error: unknown): unknown {
  const name = file === "-" ? "standard input" : file;
  if (isHoldfastError(error)) return new HoldfastError(error.code, `${name}: ${error.message}`, { cause: error });
  const why = READ_ERRORS[String((error as NodeJS.ErrnoException | undefined)?.code)];
  return why === undefined ? error : new HoldfastError("not_found", `${name}: ${why}`, { cause: error });
}
