import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { rowsOf, run, tryRun } from "../command.ts";

export interface LinkRow {
  readonly ifname: string;
  readonly address: string;
  readonly flags: readonly string[];
  readonly mtu: number;
}

/** Milliseconds. */
const SETTLING = 2000;
const BETWEEN_LOOKS = 20;

/** A container as far as a network plugin knows it: an id and a network namespace that is empty at first. */
export class Container {
  readonly id: string;
  /** Path of the namespace, `"/run/netns/ID"`. */
  readonly netns: string;

  private constructor(id: string) {
    this.id = id;
    this.netns = `/run/netns/${id}`;
  }

  static async create(id: string): Promise<Container> {
    await run(["ip", "netns", "add", id]);
    return new Container(id);
  }

  async links(): Promise<readonly LinkRow[]> {
    const links = await rowsOf<LinkRow>(["ip", "-n", this.id, "-j", "link", "show"]);
    return links.filter(({ ifname }) => ifname !== "lo");
  }

  /** Waits until it has these links and no other: a plugin may leave it to the kernel to end a link that has lost its name already. */
  async hasOnly(names: readonly string[]): Promise<void> {
    let found: readonly string[] = [];
    for (let waited = 0; waited <= SETTLING; waited += BETWEEN_LOOKS) {
      found = (await this.links()).map(({ ifname }) => ifname).sort();
      if (found.join(" ") === names.join(" ")) return;
      await pause(BETWEEN_LOOKS);
    }
    assert.deepEqual(found, names, `links of ${this.id}`);
  }

  /** With their lengths, e.g. `"10.20.0.5/16"`, without those of links alone. */
  async addresses(ifName: string): Promise<readonly string[]> {
    const words = ["ip", "-n", this.id, "-j", "address", "show", "dev", ifName];
    const rows = await rowsOf<{ addr_info: { local: string; prefixlen: number; scope: string }[] }>(words);
    const all = rows.flatMap(({ addr_info }) => addr_info);
    return all.filter(({ scope }) => scope !== "link").map(({ local, prefixlen }) => `${local}/${prefixlen}`);
  }

  /** Destinations of its routes, e.g. `"default"`. */
  async destinations(): Promise<readonly string[]> {
    const families = await Promise.all(
      ["-4", "-6"].map((family) => rowsOf<{ dst: string }>(["ip", "-n", this.id, "-j", family, "route", "show"])),
    );
    return families.flat().map(({ dst }) => dst);
  }

  /** Runs `ip WORDS` in it. */
  async ip(words: string): Promise<string> {
    return await run(["ip", "-n", this.id, ...words.split(" ")]);
  }

  /** Again is no news. */
  async remove(): Promise<void> {
    await tryRun(["ip", "netns", "delete", this.id]);
  }
}
