import { Cidr, HoldfastError, IpAddress } from "@holdfast/core";

/** Where webhooks of tenants may go although it is refused by itself. */
export interface AllowedDestinations {
  readonly prefixes: readonly Cidr[];
  /** In lower case, as the address of the webhook has them, wherever they lead to. */
  readonly hosts: readonly string[];
}

const HOST = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** E.g. `"192.0.2.0/24, hooks.example"`. @throws HoldfastError `invalid_argument` */
export function parseAllowedDestinations(text: string): AllowedDestinations {
  const prefixes: Cidr[] = [];
  const hosts: string[] = [];
  for (const part of text.split(",").map((each) => each.trim().toLowerCase())) {
    const address = IpAddress.tryParse(part);
    if (part === "") continue;
    if (part.includes("/")) prefixes.push(Cidr.parse(part));
    else if (address !== undefined) prefixes.push(Cidr.host(address));
    else if (HOST.test(part)) hosts.push(part);
    else throw new HoldfastError("invalid_argument", `${JSON.stringify(part)} is neither a prefix nor a host`);
  }
  return { prefixes, hosts };
}
