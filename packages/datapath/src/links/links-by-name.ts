import type { Kernel, Link } from "@holdfast/netlink";

export async function linksByName(kernel: Kernel): Promise<ReadonlyMap<string, Link>> {
  return new Map((await kernel.listLinks()).map((link) => [link.name, link]));
}
