import { CniError, CniErrorCode } from "../protocol/cni-error.ts";

/** One call of the plugin as the shim hands it on; its layout is at the head of `packages/cni/src/shim.c`. */
export interface Frame {
  readonly environment: Readonly<Record<string, string>>;
  readonly stdin: string;
}

const MAGIC = "HFC2";
const HEADER_LENGTH = 12;
const ANSWER_HEADER_LENGTH = 5;
/** Bytes; what the shim hands on at most is 16 MiB of input. */
const MOST_ENVIRONMENT = 2 ** 20;
const MOST_INPUT = 2 ** 24;

/** Bytes of a whole frame, by its beginning; undefined while that is not all there. @throws CniError when it is none. */
export function frameLength(beginning: Buffer): number | undefined {
  if (beginning.length < HEADER_LENGTH) return undefined;
  const environmentLength = beginning.readUInt32BE(4);
  const inputLength = beginning.readUInt32BE(8);
  const isOurs = beginning.toString("latin1", 0, 4) === MAGIC;
  if (!isOurs || environmentLength > MOST_ENVIRONMENT || inputLength > MOST_INPUT) {
    throw new CniError(CniErrorCode.io, "this is no call of the CNI plugin of this version; install the plugin again");
  }
  return HEADER_LENGTH + environmentLength + inputLength;
}

/** Reads a frame that is all there. */
export function readFrame(bytes: Buffer): Frame {
  const inputStart = HEADER_LENGTH + bytes.readUInt32BE(4);
  return {
    environment: readEnvironment(bytes.toString("utf8", HEADER_LENGTH, inputStart)),
    stdin: bytes.toString("utf8", inputStart, inputStart + bytes.readUInt32BE(8)),
  };
}

/** The frame that the shim would send. */
export function writeFrame({ environment, stdin }: Frame): Buffer {
  const variables = Buffer.from(
    Object.entries(environment)
      .map(([name, value]) => `${name}=${value}\0`)
      .join(""),
  );
  const input = Buffer.from(stdin);
  const header = Buffer.alloc(HEADER_LENGTH);
  header.write(MAGIC, "latin1");
  header.writeUInt32BE(variables.length, 4);
  header.writeUInt32BE(input.length, 8);
  return Buffer.concat([header, variables, input]);
}

/** What the shim is answered: its exit code, and what it prints. */
export function writeAnswer({ code, output }: { readonly code: number; readonly output: string }): Buffer {
  const answer = Buffer.allocUnsafe(ANSWER_HEADER_LENGTH + Buffer.byteLength(output));
  answer.writeUInt8(code, 0);
  answer.writeUInt32BE(answer.length - ANSWER_HEADER_LENGTH, 1);
  answer.write(output, ANSWER_HEADER_LENGTH);
  return answer;
}

function readEnvironment(text: string): Readonly<Record<string, string>> {
  const variables = text.split("\0").filter((each) => each.includes("="));
  return Object.fromEntries(
    variables.map((each) => [each.slice(0, each.indexOf("=")), each.slice(each.indexOf("=") + 1)]),
  );
}
