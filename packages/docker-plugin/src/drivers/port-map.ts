import { HoldfastError, IpAddress } from "@holdfast/core";
import type { PublishedPort } from "@holdfast/model";
import { z } from "zod";

/** A port that `docker run -p` asks for. */
export interface PortRequest {
  readonly protocol: PublishedPort["protocol"];
  /** Absent: every address of the machine. */
  readonly hostAddress?: IpAddress;
  /** The host ports to choose from, both included; absent: any free one. */
  readonly hostPorts?: { readonly first: number; readonly last: number };
  readonly containerPort: number;
}

/** The label of the port map in the options of CreateEndpoint. */
export const PORT_MAP_LABEL = "com.docker.network.portmap";

/** Protocol numbers of IANA, as Go's `types.Protocol` is written. */
const PROTOCOLS: ReadonlyMap<number, PublishedPort["protocol"]> = new Map([
  [6, "tcp"],
  [17, "udp"],
  [132, "sctp"],
]);

const port = z
  .int()
  .min(0)
  .max(65_535)
  .nullish()
  .transform((value) => value ?? 0);

/** `PortBinding` of libnetwork's types; `IP` is the container's and unused. */
const bindingSchema = z.object({
  Proto: z.int(),
  Port: z.int().min(1).max(65_535),
  HostIP: z.string().nullish(),
  HostPort: port,
  HostPortEnd: port,
});

/** @throws HoldfastError `invalid_argument`: a shape or a protocol that is not known. */
export function parsePortMap(value: unknown): readonly PortRequest[] {
  if (value === undefined || value === null) return [];
  const bindings = z.array(bindingSchema).safeParse(value);
  if (!bindings.success) {
    throw new HoldfastError(
      "invalid_argument",
      `docker sent a port map that cannot be read: ${JSON.stringify(value).slice(0, 200)}`,
    );
  }
  // The same binding twice (`-p 80:80 -p 0.0.0.0:80:80`) is one rule.
  const byText = new Map(bindings.data.map(toRequest).map((request) => [JSON.stringify(request), request]));
  return [...byText.values()];
}

function toRequest({ Proto, Port, HostIP, HostPort, HostPortEnd }: z.output<typeof bindingSchema>): PortRequest {
  const protocol = PROTOCOLS.get(Proto);
  if (protocol === undefined)
    throw new HoldfastError("invalid_argument", `IP protocol ${Proto} cannot be published; only tcp, udp, sctp`);
  const last = HostPortEnd === 0 ? HostPort : HostPortEnd;
  if (last < HostPort) throw new HoldfastError("invalid_argument", `host ports ${HostPort}-${last} are no range`);
  const hostAddress = parseHostAddress(HostIP ?? "");
  return {
    protocol,
    containerPort: Port,
    ...(hostAddress === undefined ? {} : { hostAddress }),
    ...(HostPort === 0 ? {} : { hostPorts: { first: HostPort, last } }),
  };
}

/** The unspecified address is every address, as an absent one. */
function parseHostAddress(text: string): IpAddress | undefined {
  if (text === "" || text === "0.0.0.0" || text === "::") return undefined;
  return IpAddress.parse(text);
}
