import { Cidr, type IpAddress } from "@holdfast/core";
import type { Contains, Packet } from "@holdfast/policy";
import { setOfKernel } from "../drivers/kernel/policy/names.ts";

/** What becomes of a packet. */
export interface Walked {
  readonly verdict: "accept" | "drop" | undefined;
  /** Names of counters, in the order in which it has met them. */
  readonly counters: readonly string[];
}

/** Reads rules as nft(8) prints them, those that policies are made of, and does with a packet what the kernel would. */
export function walkChains(
  chains: ReadonlyMap<string, readonly string[]>,
  entry: string,
  packet: Packet,
  contains: Contains,
): Walked {
  const counters: string[] = [];
  /** Undefined: it comes out at the end. */
  const walk = (name: string): "accept" | "drop" | undefined => {
    for (const rule of chains.get(name) ?? []) {
      const words = new Words(rule);
      const outcome = applyRule(words, packet, contains, counters);
      if (outcome === undefined) continue;
      if (outcome === "accept" || outcome === "drop") return outcome;
      const [verb, target = ""] = outcome.split(" ");
      const inside = walk(target);
      if (inside !== undefined || verb === "goto") return inside;
    }
    return undefined;
  };
  const verdict = walk(entry);
  return { verdict, counters };
}

/** What it says at its end; undefined: the packet is not its own, or it says nothing. */
function applyRule(words: Words, packet: Packet, contains: Contains, counters: string[]): string | undefined {
  const v6 = packet.remote.includes(":");
  for (;;) {
    const word = words.next();
    if (word === undefined) return undefined;
    switch (word) {
      case "accept":
      case "drop":
        return word;
      case "goto":
      case "jump":
        return `${word} ${words.next()}`;
      case "counter":
        words.next();
        counters.push((words.next() ?? "").replaceAll('"', ""));
        continue;
      // Logs are limited: where the limit is reached, the rule ends there.
      case "limit":
        return undefined;
      case "ct":
        // Packets here begin something.
        return undefined;
      case "meta": {
        const [key, value] = [words.next(), words.next()];
        const own = key === "nfproto" ? (v6 ? "ipv6" : "ipv4") : String(packet.protocol);
        if (value !== own) return undefined;
        continue;
      }
      case "ip":
      case "ip6": {
        words.next();
        const found = lookUp(words, (text) => isAddress(text, packet.remote, contains));
        if (v6 !== (word === "ip6") || found === undefined) return undefined;
        if (found !== "") return found;
        continue;
      }
      case "th": {
        const port = words.next() === "dport" ? packet.destinationPort : packet.sourcePort;
        const found = lookUp(words, (text) => isIn(text, port));
        if (found === undefined) return undefined;
        if (found !== "") return found;
        continue;
      }
      case "icmp":
      case "icmpv6": {
        const number = words.next() === "type" ? packet.icmp?.type : packet.icmp?.code;
        const found = lookUp(words, (text) => isIn(text, number));
        if (found === undefined) return undefined;
        if (found !== "") return found;
        continue;
      }
      default:
        throw new TypeError(`nobody knows what ${word} means in ${words.text}`);
    }
  }
}

/** Undefined: nothing of it is the packet's; empty: something is; else what the map says of that. */
function lookUp(words: Words, isOwn: (text: string) => boolean): string | undefined {
  const first = words.next() ?? "";
  if (first !== "{" && first !== "vmap") return isOwn(first) ? "" : undefined;
  const body = words.body();
  const found = body.split(", ").find((element) => isOwn((element.split(" : ")[0] ?? "").trim()));
  if (found === undefined) return undefined;
  return first === "vmap" ? (found.split(" : ")[1] ?? "").trim() : "";
}

function isAddress(text: string, address: IpAddress, contains: Contains): boolean {
  if (text.startsWith("@")) return contains(setOfKernel(text.slice(1)) ?? text, address);
  const prefix = Cidr.parse(text);
  return Cidr.family(prefix) === (address.includes(":") ? "v6" : "v4") && Cidr.contains(prefix, address);
}

function isIn(text: string, number: number | undefined): boolean {
  const [first = 0, last = first] = text.split("-").map(Number);
  return number !== undefined && first <= number && number <= last;
}

class Words {
  readonly text: string;
  #at = 0;

  constructor(text: string) {
    this.text = text;
  }

  next(): string | undefined {
    const rest = /\s*(\S+)/y;
    rest.lastIndex = this.#at;
    const found = rest.exec(this.text);
    if (found === null) return undefined;
    this.#at = rest.lastIndex;
    return found[1];
  }

  /** Between braces. */
  body(): string {
    const end = this.text.indexOf("}", this.#at);
    const body = this.text.slice(this.#at, end).replace("{", "").trim();
    this.#at = end + 1;
    return body;
  }
}
