import { lookup } from "node:dns/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIPv6, type LookupFunction } from "node:net";
import { networkInterfaces } from "node:os";
import { HoldfastError, type IpAddress } from "@holdfast/core";
import type { SendMessage } from "../alarms/messenger.ts";
import type { Destinations, DestinationsDependencies } from "./destinations.ts";

/** By this machine's resolver and interfaces. */
export const machineNames: DestinationsDependencies = {
  lookup: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  ownAddresses: () => Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address)),
};

/** Sends to webhooks; of tenants, only to where they may. A connection serves one message, and what is answered is not read. */
export function createWebhookSender(destinations: Pick<Destinations, "resolve">): SendMessage {
  return async (url, { tenant, ...message }) => {
    const target = new URL(url);
    const addresses = tenant === undefined ? undefined : await destinations.resolve(target.hostname);
    const status = await post(target, { ...message, addresses });
    if (status >= 300 && status < 400) throw new HoldfastError("unavailable", "it redirects, which is not followed");
    return status;
  };
}

interface Post {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
  /** Those to connect to. Undefined: whatever the name leads to. */
  readonly addresses: readonly IpAddress[] | undefined;
}

function post(url: URL, { headers, body, signal, addresses }: Post): Promise<number> {
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  const options = {
    method: "POST",
    // A connection that is kept could be one that another's message had opened.
    agent: false,
    headers: { ...headers, "content-length": Buffer.byteLength(body) },
    signal,
    ...(addresses === undefined ? {} : { lookup: leadingTo(addresses) }),
  };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, (incoming) => {
      incoming.on("error", () => undefined);
      resolve(incoming.statusCode ?? 0);
      incoming.destroy();
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** What was looked at is what is connected to: a name that leads elsewhere a moment later does not matter. */
function leadingTo(addresses: readonly IpAddress[]): LookupFunction {
  const found = addresses.map((address) => ({ address: `${address}`, family: isIPv6(address) ? 6 : 4 }));
  return (_, { all }, callback) => {
    const [first] = found;
    if (first === undefined) callback(new HoldfastError("unavailable", "its name has no address"), "");
    else if (all === true) callback(null, found);
    else callback(null, first.address, first.family);
  };
}
