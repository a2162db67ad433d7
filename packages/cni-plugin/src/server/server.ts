import { chmod, mkdir, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { errorText, HoldfastError, type Logger } from "@holdfast/core";
import { errorOutput } from "../protocol/cni-error.ts";
import { type Invocation, readInvocation } from "../protocol/invocation.ts";
import { versionOf } from "../protocol/network-config.ts";
import { NEWEST_VERSION } from "../protocol/versions.ts";
import { writeAnswer } from "./frame.ts";
import { Gathering } from "./gathering.ts";
import { DEFAULT_LIMITS, UnfinishedCalls, type UnfinishedCallsLimits } from "./unfinished-calls.ts";

/** Does what a runtime asks for; gives what goes to standard output. */
export type Handler = (invocation: Invocation, signal: AbortSignal) => Promise<string>;

export interface CniServerOptions {
  /** E.g. `"/run/holdfast/cni.sock"`. */
  readonly socketPath: string;
  /** Milliseconds after which a call is answered, whatever its handler waits for. */
  readonly deadline: number;
  /** What callers may cost before they have said what they want. */
  readonly unfinished?: Partial<UnfinishedCallsLimits>;
  /** Milliseconds that a caller may take to read its answer; default 5000. */
  readonly readingTime?: number;
}

/** Milliseconds: an answer fits into the kernel's buffers as a rule, so nobody waits. */
const READING_TIME = 5000;

/** Answers the shim on a unix socket. */
export interface CniServer {
  /** @throws HoldfastError `in_use`: another process serves the socket. */
  start(): Promise<void>;
  /** Ends the calls that run with an error, answers them, and closes the socket. */
  stop(): Promise<void>;
}

export function createCniServer(
  { handler, logger }: { readonly handler: Handler; readonly logger: Logger },
  { socketPath, deadline, unfinished: limits, readingTime = READING_TIME }: CniServerOptions,
): CniServer {
  const unfinished = new UnfinishedCalls({ ...DEFAULT_LIMITS, ...limits });
  const stopping = new AbortController();
  const calls = new Set<Promise<void>>();
  const gathering = new Gathering();
  let server: Server | undefined;

  async function serve(socket: Socket): Promise<void> {
    socket.on("error", (error) => logger.debug("a caller is gone", { error: error.message }));
    const given = writeAnswer(await answer(socket));
    await new Promise<void>((resolve) => {
      // What the kernel has taken, the caller reads, also when the descriptor is gone.
      const end = (): void => void socket.destroy();
      const timer = setTimeout(end, readingTime);
      socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      if (socket.destroyed) return resolve();
      socket.end(given, end);
    });
  }

  async function answer(socket: Socket): Promise<{ code: number; output: string }> {
    let said = "";
    try {
      const { environment, stdin } = await unfinished.receive(socket);
      said = stdin;
      await gathering.gathered();
      const invocation = readInvocation(environment, stdin);
      const output = await handler(invocation, AbortSignal.any([stopping.signal, AbortSignal.timeout(deadline)]));
      return { code: 0, output };
    } catch (error) {
      logger.info("a call of the CNI plugin failed", { error: errorText(error) });
      return { code: 1, output: `${errorOutput(error, versionOf(said) ?? NEWEST_VERSION)}\n` };
    }
  }

  return {
    async start() {
      await mkdir(dirname(socketPath), { recursive: true, mode: 0o755 });
      await removeDeadSocket(socketPath);
      const listening = createServer((socket) => {
        gathering.accepted();
        const call = serve(socket).finally(() => calls.delete(call));
        calls.add(call);
      });
      await new Promise<void>((resolve, reject) => {
        listening.once("error", reject);
        listening.listen(socketPath, resolve);
      });
      // Whoever may call it may wire containers.
      await chmod(socketPath, 0o600);
      server = listening;
    },

    async stop() {
      const reason = new HoldfastError("unavailable", "the agent is stopping; try again");
      stopping.abort(reason);
      unfinished.end(reason);
      const closed = new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
      await Promise.all(calls);
      await closed;
    },
  };
}

/** A socket that nobody serves stays when its process is killed. */
async function removeDeadSocket(path: string): Promise<void> {
  const isServed = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
  if (isServed) throw new HoldfastError("in_use", `another process serves ${path}; stop it first`);
  await rm(path, { force: true });
}
