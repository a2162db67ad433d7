import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { text } from "node:stream/consumers";

/** What a plugin can do wrong; each is something that Docker has been seen to suffer from. */
export type Defect =
  | "names one driver"
  | "answers what it does not know"
  | "takes an empty body for an empty object"
  | "reserves for an empty body"
  | "hangs up on a broken body"
  | "refuses keys it does not know"
  | "makes a pool anew for each request"
  | "gives the gateway no length"
  | "gives an address twice"
  | "does not say which address is taken"
  | "gives everybody one MAC"
  | "sets the MAC that Docker has"
  | "forgets auxiliary addresses"
  | "counts the gateway as held"
  | "drops a network for the next with its pool"
  | "keeps released addresses"
  | "names no interface"
  | "refuses to leave twice"
  | "refuses to remove what is absent"
  | "gives the address up with Leave"
  | "joins whatever it is told to"
  | "deletes no endpoint without its address"
  | "keeps the address of a deleted endpoint from its owner"
  | "forgets networks in a crash"
  | "forgets addresses in a crash"
  | "forgets endpoints in a crash"
  | "attaches for ever in a crash";

type Json = Record<string, unknown>;
interface Memory {
  readonly networks: Map<string, string>;
  readonly endpoints: Map<string, { address: string; joined: boolean }>;
  readonly addresses: Map<string, "reserved" | "attached">;
  readonly auxiliary: Set<string>;
  pools: number;
}

const POOL = "10.20.0.0/16";
const GATEWAY = "10.20.0.1";
const bare = (address: unknown): string => (typeof address === "string" ? (address.split("/")[0] ?? "") : "");

/** A network driver and IPAM driver without a network, as small as the suite lets it be; wrong where the suite is to find it. */
export interface SimplePlugin extends AsyncDisposable {
  crash(): Promise<void>;
  held(): readonly string[];
}

export async function startSimplePlugin(socketPath: string, defect?: Defect): Promise<SimplePlugin> {
  const memory: Memory = {
    networks: new Map(),
    endpoints: new Map(),
    addresses: new Map(),
    auxiliary: new Set(),
    pools: 0,
  };
  let server = await serve(socketPath, memory, defect);
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  return {
    async crash() {
      await stop();
      if (defect === "forgets networks in a crash") memory.networks.clear();
      if (defect === "forgets addresses in a crash") memory.addresses.clear();
      if (defect === "forgets endpoints in a crash") memory.endpoints.clear();
      if (defect === "attaches for ever in a crash") memory.addresses.set("10.20.255.1", "attached");
      server = await serve(socketPath, memory, defect);
    },
    held: () => [...memory.addresses.keys()],
    [Symbol.asyncDispose]: stop,
  };
}

async function serve(socketPath: string, memory: Memory, defect: Defect | undefined): Promise<Server> {
  const methods = methodsOf(memory, defect);
  const server = createServer((request, response) => {
    void answer(methods, request, { memory, defect }).then(([status, body]) => {
      if (status === 400 && body.Err === "broken" && defect === "hangs up on a broken body") return response.destroy();
      const json = JSON.stringify(body);
      return response.writeHead(status, { "Content-Length": Buffer.byteLength(json) }).end(json);
    });
  });
  server.listen(socketPath);
  await once(server, "listening");
  return server;
}

type Methods = Readonly<Record<string, (body: Json) => Json>>;
const NO_ARGUMENTS = /^Plugin\.Activate$|\.Get(Capabilities|DefaultAddressSpaces)$/;

async function answer(
  methods: Methods,
  request: IncomingMessage,
  { memory, defect }: { readonly memory: Memory; readonly defect: Defect | undefined },
): Promise<[number, Json]> {
  const name = (request.url ?? "").slice(1);
  const sent = await text(request);
  const method = methods[name] ?? (defect === "answers what it does not know" ? () => ({}) : undefined);
  if (method === undefined) return [404, { Err: `${name} is not known` }];
  let body: Json = {};
  if (sent !== "") {
    try {
      body = JSON.parse(sent) as Json;
    } catch {
      return [400, { Err: "broken" }];
    }
  } else if (!NO_ARGUMENTS.test(name)) {
    if (defect === "reserves for an empty body") memory.addresses.set("10.20.255.1", "reserved");
    if (defect !== "takes an empty body for an empty object") return [400, { Err: "the body is empty" }];
    return [200, {}];
  }
  try {
    if (defect === "refuses keys it does not know" && "FutureKey" in body) throw new Error("FutureKey is not known");
    return [200, method(body)];
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return [200, { Err: message, Error: message }];
  }
}

function methodsOf(memory: Memory, defect: Defect | undefined): Methods {
  return { ...ipamMethods(memory, defect), ...networkMethods(memory, defect) };
}

function ipamMethods(memory: Memory, defect: Defect | undefined): Methods {
  const { addresses, auxiliary } = memory;
  const is = (wrong: Defect): boolean => wrong === defect;
  const free = (): string => {
    const waiting = [...addresses].find(([, phase]) => phase === "reserved")?.[0];
    for (let last = 5; waiting === undefined; last++) {
      const address = `10.20.1.${last}`;
      if (!addresses.has(address)) return address;
    }
    return waiting;
  };
  return {
    "IpamDriver.GetCapabilities": () => ({ RequiresMACAddress: false }),
    "IpamDriver.GetDefaultAddressSpaces": () => ({ LocalDefaultAddressSpace: "l", GlobalDefaultAddressSpace: "g" }),
    "IpamDriver.RequestPool": () => {
      memory.pools++;
      const PoolID = is("makes a pool anew for each request") ? `pool ${memory.pools}` : "pool";
      return { PoolID, Pool: POOL, Data: {} };
    },
    "IpamDriver.ReleasePool": () => ({}),
    "IpamDriver.RequestAddress"({ Address, Options }) {
      if ((Options as Json | null)?.RequestAddressType !== undefined) {
        if (is("counts the gateway as held")) addresses.set(GATEWAY, "attached");
        return { Address: is("gives the gateway no length") ? GATEWAY : `${GATEWAY}/16` };
      }
      // Before there is a network, Docker asks for auxiliary addresses in these words.
      if (memory.networks.size === 0) return { Address: `${bare(Address)}/16` };
      const address = bare(Address) || free();
      const isTaken = addresses.get(address) === "attached" || auxiliary.has(address);
      if (isTaken && !is("gives an address twice")) {
        throw new Error(is("does not say which address is taken") ? "in use" : `${address} is in use`);
      }
      addresses.set(address, "reserved");
      return { Address: `${address}/16` };
    },
    "IpamDriver.ReleaseAddress"({ Address }) {
      const address = bare(Address);
      if (is("keeps released addresses") && addresses.get(address) === "reserved") return {};
      if (is("refuses to remove what is absent") && !addresses.has(address) && address !== GATEWAY) {
        throw new Error(`${address} is not held`);
      }
      if (!is("counts the gateway as held") || address !== GATEWAY) addresses.delete(address);
      return {};
    },
  };
}

function networkMethods(memory: Memory, defect: Defect | undefined): Methods {
  const { networks, endpoints, addresses, auxiliary } = memory;
  const is = (wrong: Defect): boolean => wrong === defect;
  const known = (id: unknown) => {
    const endpoint = endpoints.get(String(id));
    if (endpoint === undefined) throw new Error(`endpoint ${String(id)} is not known`);
    return endpoint;
  };
  return {
    "Plugin.Activate": () => ({
      Implements: is("names one driver") ? ["NetworkDriver"] : ["NetworkDriver", "IpamDriver"],
    }),
    "NetworkDriver.GetCapabilities": () => ({ Scope: "local" }),
    "NetworkDriver.CreateNetwork"({ NetworkID, IPv4Data }) {
      const [{ Pool = "", AuxAddresses = {} } = {}] = IPv4Data as { Pool?: string; AuxAddresses?: Json }[];
      if (is("drops a network for the next with its pool")) networks.clear();
      networks.set(String(NetworkID), Pool);
      const others = is("forgets auxiliary addresses") ? [] : Object.values(AuxAddresses);
      for (const address of others) auxiliary.add(bare(address));
      return {};
    },
    "NetworkDriver.DeleteNetwork"({ NetworkID }) {
      networks.delete(String(NetworkID));
      auxiliary.clear();
      return {};
    },
    "NetworkDriver.CreateEndpoint"({ NetworkID, EndpointID, Interface }) {
      const { Address, MacAddress } = Interface as { Address: string; MacAddress: string };
      const address = bare(Address);
      if (!networks.has(String(NetworkID))) throw new Error(`network ${String(NetworkID)} is not known`);
      if (!addresses.has(address)) throw new Error(`${address} is not reserved`);
      addresses.set(address, "attached");
      endpoints.set(String(EndpointID), { address, joined: false });
      const last = is("gives everybody one MAC") ? "01" : Number(address.split(".")[3]).toString(16).padStart(2, "0");
      const isSet = MacAddress !== "" && !is("sets the MAC that Docker has");
      return { Interface: isSet ? {} : { MacAddress: `02:00:00:00:00:${last}` } };
    },
    "NetworkDriver.DeleteEndpoint"({ EndpointID }) {
      const endpoint = endpoints.get(String(EndpointID));
      if (endpoint === undefined) return {};
      if (is("deletes no endpoint without its address") && !addresses.has(endpoint.address)) {
        throw new Error(`${endpoint.address} is not reserved`);
      }
      endpoints.delete(String(EndpointID));
      if (addresses.has(endpoint.address) && !is("keeps the address of a deleted endpoint from its owner")) {
        addresses.set(endpoint.address, "reserved");
      }
      return {};
    },
    "NetworkDriver.EndpointOperInfo": () => ({ Value: {} }),
    "NetworkDriver.ProgramExternalConnectivity": () => ({}),
    "NetworkDriver.RevokeExternalConnectivity": () => ({}),
    "NetworkDriver.Join"({ EndpointID }) {
      if (!is("joins whatever it is told to")) known(EndpointID).joined = true;
      const SrcName = is("names no interface") ? "" : "veth0";
      return { InterfaceName: { SrcName, DstPrefix: "eth" }, Gateway: GATEWAY, DisableGatewayService: true };
    },
    "NetworkDriver.Leave"({ EndpointID }) {
      const endpoint = endpoints.get(String(EndpointID));
      if (endpoint === undefined) return {};
      if (is("refuses to leave twice") && !endpoint.joined) throw new Error("it has left already");
      endpoint.joined = false;
      if (is("gives the address up with Leave")) addresses.delete(endpoint.address);
      return {};
    },
  };
}
