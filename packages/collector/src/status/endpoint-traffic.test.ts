import { describe, expect, test } from "vitest";
import { container, outside, TEN_O_CLOCK, traffic, windowOf } from "../testing/made-traffic.ts";
import { createEndpointTraffic, type EndpointTraffic } from "./endpoint-traffic.ts";

const web = (number: number) => container(`shop/web/web-${number}`, `10.20.0.${number}`);
const office = outside("192.0.2.1", "office");

/** `identity direction value` of the family of bytes. */
function bytesOf(counted: EndpointTraffic): readonly string[] {
  const family = counted.families().find(({ name }) => name === "holdfast_collector_endpoint_bytes_total");
  return (family?.values ?? []).map(
    ([labels, value]) => `${/identity="([^"]*)"/.exec(labels)?.[1]} ${/direction="(\w+)"/.exec(labels)?.[1]} ${value}`,
  );
}

describe("the traffic of containers in the metrics", () => {
  test("is counted for both ends, once where it was sampled twice, on and on", () => {
    const counted = createEndpointTraffic(10);
    const window = windowOf(TEN_O_CLOCK, [
      traffic(web(1), web(2), { bytes: 100 }),
      traffic(web(1), web(2), { bytes: 100, isCounted: false }),
      traffic(office, web(1), { bytes: 7 }),
    ]);
    counted.take(window);
    counted.take(window);
    expect(bytesOf(counted)).toEqual([
      "web-1 egress 200",
      "web-1 ingress 14",
      "web-2 egress 0",
      "web-2 ingress 200",
      "(others) egress 0",
      "(others) ingress 0",
    ]);
    expect(counted.families()[0]?.values[0]?.[0]).toBe(
      'tenant="shop",network="web",identity="web-1",direction="egress"',
    );
  });

  test("has as many series as were asked for; who comes later is counted with the others until a place is free", () => {
    const counted = createEndpointTraffic(1);
    counted.take(windowOf(TEN_O_CLOCK, [traffic(web(1), office, { bytes: 1 }), traffic(web(2), office, { bytes: 2 })]));
    expect(bytesOf(counted)).toEqual(["web-1 egress 1", "web-1 ingress 0", "(others) egress 2", "(others) ingress 0"]);
    const later = TEN_O_CLOCK + 3_700_000;
    counted.take(windowOf(later, [traffic(web(2), office, { bytes: 4 })]));
    expect(bytesOf(counted)).toEqual(["web-2 egress 4", "web-2 ingress 0", "(others) egress 2", "(others) ingress 0"]);
  });

  test("is left out when nobody wants it", () => {
    const counted = createEndpointTraffic(0);
    counted.take(windowOf(TEN_O_CLOCK, [traffic(web(1), office)]));
    expect(bytesOf(counted)).toEqual(["(others) egress 0", "(others) ingress 0"]);
  });
});
