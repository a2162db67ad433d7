import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A unix socket that leads to another one, and can be cut or fall silent as a network or a hanging process would. */
export interface SocketProxy extends AsyncDisposable {
  readonly path: string;
  /** Ends every connection and takes no new ones. */
  cut(): Promise<void>;
  /** Takes connections again. */
  restore(): Promise<void>;
  /** The present connections stay open but carry nothing more in either direction; new ones work. */
  stall(): void;
}

export async function startSocketProxy(path: string, target: string): Promise<SocketProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let server: Server | undefined;

  const accept = (near: Socket): void => {
    const far = connect({ path: target });
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) socket.on("error", end).on("close", end);
    near.pipe(far);
    far.pipe(near);
  };
  const restore = async (): Promise<void> => {
    server = createServer(accept).listen(path);
    await once(server, "listening");
  };
  const cut = async (): Promise<void> => {
    if (server === undefined) return;
    const closed = once(server, "close");
    server.close();
    server = undefined;
    for (const [near, far] of pairs) {
      near.destroy();
      far.destroy();
    }
    await closed;
  };
  await restore();
  return {
    path,
    cut,
    restore,
    stall() {
      for (const [near, far] of pairs) {
        near.unpipe(far).pause();
        far.unpipe(near).pause();
      }
    },
    [Symbol.asyncDispose]: cut,
  };
}
