import { CniError, CniErrorCode } from "../protocol/cni-error.ts";

/** One call of the plugin as the shim hands it on; its layout is at the head of `packages/cni/src/shim.c`. */
export interface Frame {
  readonly environment: Readonly<Record<string, string>>;
  readonly stdin: string;
}

const MAGIC = "HFC1";
const HEADER_LENGTH = 12;
/** Bytes; what the shim hands on at most is 16 MiB of input. */
const MOST_ENVIRONMENT = 2 ** 20;
const MOST_INPUT = 2 ** 24;

/** Reads one frame from its beginning; undefined while it is not all there. @throws CniError when it never will be. */
export function readFrame(bytes: Buffer): Frame | undefined {
  if (bytes.length < HEADER_LENGTH) return undefined;
  const environmentLength = bytes.readUInt32BE(4);
  const inputLength = bytes.readUInt32BE(8);
  if (bytes.toString("latin1", 0, 4) !== MAGIC || environmentLength > MOST_ENVIRONMENT || inputLength > MOST_INPUT) {
    throw new CniError(CniErrorCode.io, "this is no call of the CNI plugin of this version; install the plugin again");
  }
  const inputStart = HEADER_LENGTH + environmentLength;
  if (bytes.length < inputStart + inputLength) return undefined;
  return {
    environment: readEnvironment(bytes.toString("utf8", HEADER_LENGTH, inputStart)),
    stdin: bytes.toString("utf8", inputStart, inputStart + inputLength),
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

function readEnvironment(text: string): Readonly<Record<string, string>> {
  const variables = text.split("\0").filter((each) => each.includes("="));
  return Object.fromEntries(
    variables.map((each) => [each.slice(0, each.indexOf("=")), each.slice(each.indexOf("=") + 1)]),
  );
}
