import { rm } from "node:fs/promises";
import { Guest } from "./guest.ts";
import type { LabSpace } from "./space.ts";

/** A way from this process into a space of a lab; disposing closes it. */
export interface Relay extends AsyncDisposable {
  /** A unix socket; every connection to it is carried to the TCP port. Use it as `socketPath` of an HTTP client. */
  readonly socketPath: string;
}

/**
 * Opens a way to a TCP port in a space, e.g. a controller's API, for tests that run outside: spaces have no network in common with
 * this process, but its file system.
 */
export async function startRelay(
  space: LabSpace,
  { address = "127.0.0.1", port }: { readonly address?: string; readonly port: number },
  signal: AbortSignal,
): Promise<Relay> {
  const inside = `/run/relay-${process.pid}-${port}.sock`;
  await rm(space.path(inside), { force: true });
  const guest = await Guest.start({ space }, ["relay-program.ts", inside, address, String(port)], signal);
  return {
    socketPath: space.path(inside),
    [Symbol.asyncDispose]: async () => {
      await guest[Symbol.asyncDispose]();
      await rm(space.path(inside), { force: true });
    },
  };
}
