import { connect, type Socket } from "node:net";

/** What came back from the plugin. */
export interface CallReply {
  readonly status: number;
  /** Parsed JSON; undefined when the body is no JSON. */
  readonly body: Record<string, unknown> | undefined;
  readonly text: string;
}

/** How a dockerd of a version writes its requests. */
export interface Dialect {
  readonly name: "20.10" | "29";
  readonly host: string;
  readonly accept: string;
  /** Whether RequestAddress tells the container's name. */
  readonly endpointName: boolean;
}

const accept = "application/vnd.docker.plugins.v1.2+json";
/** Go 1.19 cuts the host of a unix socket's URL to nothing. */
export const DOCKER_20: Dialect = { name: "20.10", host: "", accept, endpointName: false };
export const DOCKER_29: Dialect = { name: "29", host: "plugin.moby.localhost", accept, endpointName: true };
export const DIALECTS: readonly Dialect[] = [DOCKER_20, DOCKER_29];

type Succeeded = (method: string, body: Record<string, unknown>, reply: Record<string, unknown>) => void;

/**
 * Calls a plugin byte for byte as dockerd's Go client does: one kept connection, POST, no Content-Type, an empty body when there are no
 * arguments.
 */
export class DockerCaller {
  readonly #socketPath: string;
  readonly #dialect: Dialect;
  readonly #succeeded: Succeeded | undefined;
  #connection: Socket | undefined;

  /** @param succeeded is told of each call that {@link expect} has made. */
  constructor(socketPath: string, dialect: Dialect, succeeded?: Succeeded) {
    this.#socketPath = socketPath;
    this.#dialect = dialect;
    this.#succeeded = succeeded;
  }

  /** @param body a value is sent as JSON, text as it is, undefined as an empty body. */
  async call(method: string, body?: unknown): Promise<CallReply> {
    const text = body === undefined ? "" : typeof body === "string" ? body : `${JSON.stringify(body)}\n`;
    return await this.send(
      `POST /${method} HTTP/1.1\r\nHost: ${this.#dialect.host}\r\nUser-Agent: Go-http-client/1.1\r\n` +
        `Content-Length: ${Buffer.byteLength(text)}\r\nAccept: ${this.#dialect.accept}\r\n\r\n${text}`,
    );
  }

  /** A call that must succeed; throws with Docker's reading of the error. */
  async expect(method: string, body?: unknown): Promise<Record<string, unknown>> {
    const reply = await this.call(method, body);
    const error = dockersReading(method, reply);
    if (error !== undefined) throw new Error(`${method}: ${error}`);
    this.#succeeded?.(method, (body ?? {}) as Record<string, unknown>, reply.body ?? {});
    return reply.body ?? {};
  }

  /** The error that Docker reads from a call; throws when it reads none. */
  async refusal(method: string, body?: unknown): Promise<string> {
    const error = dockersReading(method, await this.call(method, body));
    if (error === undefined) throw new Error(`${method} was expected to fail`);
    return error;
  }

  /** Sends bytes over the kept connection and reads one answer. */
  async send(bytes: string): Promise<CallReply> {
    const connection = this.#connection ?? (await this.#open());
    return await new Promise((resolve, reject) => {
      let received = "";
      const finish = (settle: () => void): void => {
        connection.removeAllListeners("data").removeAllListeners("close").removeAllListeners("error");
        connection.on("error", () => {});
        settle();
      };
      const lost = (): void => {
        this.#connection = undefined;
        finish(() => reject(new Error("the connection broke")));
      };
      connection.on("close", lost).on("error", lost);
      connection.on("data", (chunk: string) => {
        received += chunk;
        const reply = parseReply(received);
        if (reply === undefined) return;
        if (/\r\nconnection: close\r\n/i.test(received)) this.close();
        finish(() => resolve(reply));
      });
      connection.write(bytes);
    });
  }

  /** Breaks the connection. */
  close(): void {
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  #open(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const connection = connect(this.#socketPath, () => {
        this.#connection = connection;
        resolve(connection.setEncoding("utf8"));
      });
      connection.once("error", reject);
    });
  }
}

/** What libnetwork takes a reply for: undefined is success. */
function dockersReading(method: string, { status, body, text }: CallReply): string | undefined {
  if (status !== 200) return typeof body?.Err === "string" && body.Err !== "" ? body.Err : text;
  if (body === undefined) return `the reply is no JSON: ${text}`;
  const key = method.startsWith("IpamDriver.") ? "Error" : "Err";
  return typeof body[key] === "string" && body[key] !== "" ? body[key] : undefined;
}

function parseReply(received: string): CallReply | undefined {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = received.slice(0, end);
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const text = received.slice(end + 4);
  if (Buffer.byteLength(text) < length) return undefined;
  return { status: Number(head.split(" ")[1]), body: tryJson(text), text };
}

function tryJson(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
