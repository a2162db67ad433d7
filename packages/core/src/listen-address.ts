import { HoldfastError } from "./errors.ts";

/** Where to listen. Port 0: any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * `127.0.0.1:4653` or `[::1]:4653`.
 *
 * @throws HoldfastError `invalid_argument`.
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(\[([0-9a-fA-F:.]+)\]|[^:[\]]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new HoldfastError(
      "invalid_argument",
      `${JSON.stringify(text)} is not ADDRESS:PORT, e.g. 127.0.0.1:4653 or [::1]:4653`,
    );
  }
  return { host: match[2] ?? match[1] ?? "", port };
}
