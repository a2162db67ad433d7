import { describe, expect, test } from "vitest";
import { parsePortMap } from "./port-map.ts";

/** As Docker 20.10 writes a PortBinding. */
const binding = (rest: object): object => ({
  Proto: 6,
  IP: "",
  Port: 80,
  HostIP: "",
  HostPort: 0,
  HostPortEnd: 0,
  ...rest,
});

describe("the port map of CreateEndpoint", () => {
  test.each<[string, object, object]>([
    ["-p 80", {}, { protocol: "tcp", containerPort: 80 }],
    [
      "-p 8080:80",
      { HostPort: 8080, HostPortEnd: 8080 },
      { protocol: "tcp", containerPort: 80, hostPorts: { first: 8080, last: 8080 } },
    ],
    [
      "-p 8000-8010:80",
      { HostPort: 8000, HostPortEnd: 8010 },
      { protocol: "tcp", containerPort: 80, hostPorts: { first: 8000, last: 8010 } },
    ],
    [
      "without HostPortEnd",
      { HostPort: 8080 },
      { protocol: "tcp", containerPort: 80, hostPorts: { first: 8080, last: 8080 } },
    ],
    ["-p 53:53/udp", { Proto: 17 }, { protocol: "udp", containerPort: 80 }],
    ["sctp", { Proto: 132 }, { protocol: "sctp", containerPort: 80 }],
    ["on an address", { HostIP: "192.0.2.1" }, { protocol: "tcp", containerPort: 80, hostAddress: "192.0.2.1" }],
    ["on every address", { HostIP: "0.0.0.0" }, { protocol: "tcp", containerPort: 80 }],
  ])("%s", (_name, rest, expected) => {
    expect(parsePortMap([binding(rest)])).toEqual([expected]);
  });

  test("the same binding twice is one", () => {
    expect(parsePortMap([binding({}), binding({ HostIP: "0.0.0.0" })])).toHaveLength(1);
  });

  test.each([[null], [undefined], [[]]])("%s is no ports", (value) => {
    expect(parsePortMap(value)).toEqual([]);
  });

  test.each([
    ["icmp", [binding({ Proto: 1 })], "cannot be published"],
    ["a range backwards", [binding({ HostPort: 9, HostPortEnd: 8 })], "no range"],
    ["no port", [binding({ Port: 0 })], "cannot be read"],
    ["text", "80", "cannot be read"],
    ["a host address that is none", [binding({ HostIP: "localhost" })], "not an IP address"],
  ])("%s is refused", (_name, value, message) => {
    expect(() => parsePortMap(value)).toThrow(message);
  });
});
