import { type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import { type ErrorCode, HoldfastError, isHoldfastError } from "@holdfast/core";
import { z } from "zod";
import type { Engine, EngineNetwork, NewEngineNetwork } from "./engine.ts";

/** The driver's name: the plugin socket's file name. */
const DRIVER = "holdfast";

/** Events after which something that we look at may be different. */
const EVENTS = ["create", "destroy", "remove", "connect", "disconnect", "die", "rename"];

const map = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});

const networkSchema = z.object({
  Id: z.string(),
  Name: z.string(),
  Labels: map,
  Options: map,
  IPAM: z.object({
    Options: map,
    Config: z
      .array(z.object({ Subnet: z.string().nullish(), AuxiliaryAddresses: map, AuxAddress: map }))
      .nullish()
      .transform((value) => value ?? []),
  }),
  Containers: z
    .record(z.string(), z.object({ Name: z.string(), EndpointID: z.string() }))
    .nullish()
    .transform((value) => value ?? {}),
});

const versionSchema = z.object({ ApiVersion: z.string() });
const listSchema = z.array(z.object({ Id: z.string() })).nullable();
const createdSchema = z.object({ Id: z.string() });
const containersSchema = z
  .array(
    z.object({ Names: z.array(z.string()).nullish(), HostConfig: z.object({ NetworkMode: z.string().nullish() }) }),
  )
  .nullable();
const errorSchema = z.object({ message: z.string() });

/** Milliseconds that the engine may take for an answer. */
const ANSWER_LIMIT = 60_000;

/** Talks to dockerd over its unix socket; paths without a version mean the engine's newest. */
export function createEngineClient({ socketPath }: { readonly socketPath: string }): Engine {
  async function call(method: string, path: string, signal: AbortSignal, body?: object): Promise<unknown> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT)]);
    const response = await open({ method, path, socketPath, ...(body === undefined ? {} : { body }) }, limited);
    const text = await readText(response);
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return text === "" ? undefined : parseJson(text);
    throw refusal(status, `${method} ${path.split("?")[0]}`, text);
  }

  async function inspect(id: string, signal: AbortSignal): Promise<EngineNetwork[]> {
    try {
      return [toNetwork(read(networkSchema, await call("GET", `/networks/${id}`, signal)))];
    } catch (error) {
      // Removed since it was listed.
      if (isHoldfastError(error, "not_found")) return [];
      throw error;
    }
  }

  return {
    async apiVersion(signal) {
      return read(versionSchema, await call("GET", "/version", signal)).ApiVersion;
    },
    async networks(signal) {
      const list =
        read(listSchema, await call("GET", `/networks?filters=${filters({ driver: [DRIVER] })}`, signal)) ?? [];
      return (await Promise.all(list.map(({ Id }) => inspect(Id, signal)))).flat();
    },
    async containersByNetworkId(networkId, signal) {
      const path = `/containers/json?all=1&filters=${filters({ network: [networkId] })}`;
      const list = read(containersSchema, await call("GET", path, signal)) ?? [];
      const byId = list.filter(({ HostConfig }) => HostConfig.NetworkMode?.startsWith(networkId.slice(0, 12)) === true);
      return byId.map(({ Names }) => Names?.[0]?.replace(/^\//, "") ?? "?");
    },
    async createNetwork(network, signal) {
      return read(createdSchema, await call("POST", "/networks/create", signal, createBody(network))).Id;
    },
    async removeNetwork(networkId, signal) {
      try {
        await call("DELETE", `/networks/${networkId}`, signal);
      } catch (error) {
        if (!isHoldfastError(error, "not_found")) throw error;
      }
    },
    async disconnect(networkId, container, signal) {
      try {
        await call("POST", `/networks/${networkId}/disconnect`, signal, { Container: container, Force: true });
      } catch (error) {
        if (!isHoldfastError(error, "not_found")) throw error;
      }
    },
    async *events(signal) {
      const path = `/events?filters=${filters({ type: ["container", "network"], event: EVENTS })}`;
      const response = await open({ method: "GET", path, socketPath }, signal);
      if (response.statusCode !== 200) throw refusal(response.statusCode ?? 0, "GET /events", await readText(response));
      yield "connected";
      try {
        for await (const _ of createInterface({ input: response })) yield "event";
      } catch (cause) {
        throw new HoldfastError("unavailable", "dockerd has gone", { cause });
      } finally {
        response.destroy();
      }
    },
  };
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly socketPath: string;
  readonly body?: object;
}

/** Sends a request; resolves with the head of the answer. */
function open({ method, path, socketPath, body }: Call, signal: AbortSignal): Promise<IncomingMessage> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers =
    text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath, method, path, agent: false, signal, headers: { host: "docker", ...headers } },
      resolve,
    );
    call.on("error", (cause) => {
      reject(
        signal.aborted
          ? signal.reason
          : new HoldfastError("unavailable", `dockerd does not answer on ${socketPath}`, { cause }),
      );
    });
    call.end(text);
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch (cause) {
    throw new HoldfastError("unavailable", "dockerd broke off in the middle of an answer", { cause });
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Docker answers 403 for a network that has endpoints. */
const CODES: ReadonlyMap<number, ErrorCode> = new Map([
  [400, "invalid_argument"],
  [403, "in_use"],
  [404, "not_found"],
  [409, "already_exists"],
]);

function refusal(status: number, what: string, text: string): HoldfastError {
  const message = errorSchema.safeParse(parseJson(text)).data?.message ?? text.slice(0, 500);
  return new HoldfastError(CODES.get(status) ?? "unavailable", `dockerd answers ${what} with ${status}: ${message}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function read<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new HoldfastError("unavailable", "dockerd gives an answer that cannot be read", { cause: parsed.error });
}

function filters(value: Readonly<Record<string, readonly string[]>>): string {
  return encodeURIComponent(JSON.stringify(value));
}

function toNetwork({ Id, Name, Labels, Options, IPAM, Containers }: z.output<typeof networkSchema>): EngineNetwork {
  return {
    id: Id,
    name: Name,
    labels: Labels,
    options: Options,
    ipamOptions: IPAM.Options,
    subnets: IPAM.Config.flatMap(({ Subnet }) => Subnet ?? []),
    auxiliary: IPAM.Config.flatMap(({ AuxiliaryAddresses, AuxAddress }) =>
      Object.values({ ...AuxiliaryAddresses, ...AuxAddress }),
    ),
    endpoints: Object.values(Containers).map(({ EndpointID, Name: container }) => ({ id: EndpointID, container })),
  };
}

function createBody({ name, subnets, ipv4, ipv6, options, labels }: NewEngineNetwork): object {
  return {
    Name: name,
    CheckDuplicate: true,
    Driver: DRIVER,
    EnableIPv6: ipv6,
    ...(ipv4 ? {} : { EnableIPv4: false }),
    IPAM: {
      Driver: DRIVER,
      Options: options,
      Config: subnets.map(({ prefix, gateway }) => ({
        Subnet: prefix,
        ...(gateway === undefined ? {} : { Gateway: gateway }),
      })),
    },
    Options: options,
    Labels: labels,
  };
}
