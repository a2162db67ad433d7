import { errorText, HoldfastError } from "@holdfast/core";
import { createClient, RESP_TYPES } from "@redis/client";

/** Which Redis, and how to be let in. */
export interface RedisOptions {
  /** E.g. `redis://127.0.0.1:6379`; `rediss://` is TLS. */
  readonly url: string;
  /** Absent: none, or the one of the URL. */
  readonly password?: string | undefined;
  /** PEM of who signs the server's certificate. Absent: as the system trusts. */
  readonly ca?: string | undefined;
}

/** A connection that comes back by itself. */
export interface Redis extends AsyncDisposable {
  /**
   * @throws HoldfastError `unavailable`: Redis is not reached, or does not do it, e.g. for want of memory. Whether it did it is not known.
   */
  command<T>(words: readonly (string | Buffer)[]): Promise<T>;
  /** As {@link command}, with bytes where Redis has text. */
  bytes<T>(words: readonly (string | Buffer)[]): Promise<T>;
  state(): RedisState;
}

export interface RedisState {
  readonly state: "connected" | "away";
  /** Since when, in milliseconds since 1970. */
  readonly since: number;
  /** What Redis, or the connection to it, said last, when it is away. */
  readonly error?: string;
}

/** Milliseconds. Who is not answered for so long asks anew. */
const PATIENCE = 10_000;
const PING = 3000;
const LONGEST_PAUSE = 1000;

/** Connects in the background, and again whenever the connection is lost; until then, commands fail. */
export function openRedis({ url, password, ca }: RedisOptions, now: () => number = Date.now): Redis {
  let state: RedisState = { state: "away", since: now() };
  const isTls = url.startsWith("rediss:");
  const clear = tellingWithout(secretsOf(url, password));
  const said = (error: unknown): string => {
    const text = clear(error);
    return isTls && /certificate/i.test(text) ? `${text}; --redis-ca-file names who signs it` : text;
  };
  const client = createClient({
    url,
    ...(password === undefined ? {} : { password }),
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled",
    pingInterval: PING,
    socket: {
      connectTimeout: PATIENCE,
      socketTimeout: PATIENCE,
      reconnectStrategy: (tries) => Math.min(50 * 2 ** Math.min(tries, 10), LONGEST_PAUSE),
      ...(isTls ? { tls: true, ...(ca === undefined ? {} : { ca }) } : {}),
    },
  });
  client.on("ready", () => {
    state = { state: "connected", since: now() };
  });
  client.on("error", (error) => {
    state = { state: "away", since: state.state === "away" ? state.since : now(), error: said(error) };
  });
  const connecting = client.connect().catch((error: unknown) => {
    state = { ...state, error: said(error) };
  });

  async function send<T>(words: readonly (string | Buffer)[], mapping: object): Promise<T> {
    try {
      return (await client.sendCommand(words as (string | Buffer)[], { typeMapping: mapping })) as T;
    } catch (error) {
      // Without the cause, for what it says is not cleared of secrets.
      throw new HoldfastError("unavailable", `Redis at ${placeOf(url)}: ${words[0]?.toString()}: ${said(error)}`);
    }
  }

  return {
    command: (words) => send(words, {}),
    bytes: (words) => send(words, { [RESP_TYPES.BLOB_STRING]: Buffer }),
    state: () => state,
    async [Symbol.asyncDispose]() {
      if (client.isOpen) client.destroy();
      await connecting;
    },
  };
}

/** A server that does not know AUTH, or not that form of it, repeats what it was given. */
function tellingWithout(secrets: readonly string[]): (error: unknown) => string {
  return (error) => secrets.reduce((text, secret) => text.replaceAll(secret, "***"), errorText(error));
}

function secretsOf(url: string, password: string | undefined): readonly string[] {
  const written = new URL(url).password;
  return [password ?? "", decodeURIComponent(written), written].filter((secret) => secret !== "");
}

/** Where it is, without name and password. */
export function placeOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port || "6379"}${pathname === "/" ? "" : pathname}`;
}
