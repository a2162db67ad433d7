import { type FlowSample, flowSampleSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { connectionOf } from "./sampled-connection.ts";

/** `"10.0.0.1:40000 > 10.0.0.2:443"`. */
function sample(way: string, rest: Partial<FlowSample> = {}): FlowSample {
  const [source, destination] = way.split(" > ").map((text) => {
    const [address = "", port] = text.split(":");
    return { ...(address === "" ? {} : { address }), ...(port === undefined ? {} : { port: Number(port) }) };
  });
  const about = { at: "2026-11-20T10:00:00.000Z", attributed: true, bytes: 60, rate: 1, protocol: 6 };
  return flowSampleSchema.parse({ ...about, source, destination, ...rest });
}

describe("a sampled packet's connection", () => {
  test.each([
    ["goes to the end with a server's port", "10.0.0.1:40000 > 10.0.0.2:443", {}, "10.0.0.1 10.0.0.2:443"],
    ["goes back from it", "10.0.0.2:443 > 10.0.0.1:40000", {}, "10.0.0.1 10.0.0.2:443 reply"],
    ["of UDP as well", "10.0.0.2:53 > 10.0.0.1:40000", { protocol: 17 }, "10.0.0.1 10.0.0.2:53 reply"],
    ["is opened by this one", "10.0.0.1:1000 > 10.0.0.2:50000", { tcpFlags: 0x02 }, "10.0.0.1 10.0.0.2:50000"],
    ["is taken by this one", "10.0.0.1:50000 > 10.0.0.2:1000", { tcpFlags: 0x12 }, "10.0.0.2 10.0.0.1:50000 reply"],
    ["is not clear between two servers' ports", "10.0.0.1:80 > 10.0.0.2:443", {}, undefined],
    ["is not clear between two clients' ports", "10.0.0.1:40000 > 10.0.0.2:50000", {}, undefined],
    ["is not clear without ports", "10.0.0.1 > 10.0.0.2", { protocol: 1 }, undefined],
    ["is not clear of a fragment", "10.0.0.1 > 10.0.0.2", { protocol: 17 }, undefined],
    ["is not clear without an address", ":40000 > 10.0.0.2:443", {}, undefined],
  ])("%s: %s", (_, way, rest, expected) => {
    const found = connectionOf(sample(way, rest));
    const text = found && `${found.from.address} ${found.to.address}:${found.destinationPort}`;
    expect(found?.isReply === true ? `${text} reply` : text).toBe(expected);
  });
});
