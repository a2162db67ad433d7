import { IpAddress } from "@holdfast/core";

/** linux/socket.h */
export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 10;

export function familyNumber(address: IpAddress): number {
  return IpAddress.family(address) === "v4" ? AF_INET : AF_INET6;
}
