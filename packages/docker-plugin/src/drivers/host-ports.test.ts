import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { IpAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { CHOSEN_PORTS, chooseHostPorts, probePort } from "./host-ports.ts";
import type { PortRequest } from "./port-map.ts";

const free = { held: [], isUsed: async () => false, random: () => 0 };
const any: PortRequest = { protocol: "tcp", containerPort: 80 };
const numbered = (first: number, last = first): PortRequest => ({ ...any, hostPorts: { first, last } });

describe("host ports", () => {
  test("a port that nobody named is taken from the kernel's own range, another one for each", async () => {
    const { ports } = await chooseHostPorts([any, { ...any, containerPort: 81 }], { ...free, random: () => 0.999_99 });
    expect(ports.map(({ hostPort }) => hostPort)).toEqual([CHOSEN_PORTS.last, CHOSEN_PORTS.first]);
  });

  test("of a range, the first free port is taken", async () => {
    const held = [{ protocol: "tcp", hostPort: 8000, endpoint: "e1" } as const];
    const isUsed = async ({ hostPort }: { hostPort: number }): Promise<boolean> => hostPort === 8001;
    const { ports } = await chooseHostPorts([numbered(8000, 8002)], { ...free, held, isUsed });
    expect(ports).toEqual([{ protocol: "tcp", containerPort: 80, hostPort: 8002 }]);
    await expect(chooseHostPorts([numbered(8000, 8001)], { ...free, held, isUsed })).rejects.toThrow(
      "8000-8001/tcp is in use",
    );
  });

  test("a port that a process uses is refused by name", async () => {
    await expect(chooseHostPorts([numbered(22)], { ...free, isUsed: async () => true })).rejects.toThrow(
      "22/tcp is in use",
    );
  });

  test("a numbered port of another endpoint is contested, not taken", async () => {
    const held = [{ protocol: "tcp", hostPort: 8080, endpoint: "e1" } as const];
    expect(await chooseHostPorts([numbered(8080)], { ...free, held })).toEqual({ ports: [], contested: ["e1"] });
    const other = { ...numbered(8080), protocol: "udp" } as const;
    expect((await chooseHostPorts([other], { ...free, held })).ports).toHaveLength(1);
  });

  test("the same port on two addresses is two ports", async () => {
    const held = [
      { protocol: "tcp", hostPort: 80, hostAddress: IpAddress.parse("192.0.2.1"), endpoint: "e1" } as const,
    ];
    const second = { ...numbered(80), hostAddress: IpAddress.parse("192.0.2.2") };
    expect((await chooseHostPorts([second], { ...free, held })).ports).toHaveLength(1);
    expect((await chooseHostPorts([numbered(80)], { ...free, held })).contested).toEqual(["e1"]);
  });

  test("the probe sees sockets of this machine", async () => {
    const hostAddress = IpAddress.parse("127.0.0.1");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, hostAddress, resolve));
    const address = server.address();
    const hostPort = typeof address === "object" && address !== null ? address.port : 0;
    expect(await probePort({ protocol: "tcp", hostAddress, hostPort })).toBe(true);
    await new Promise((resolve) => server.close(resolve));
    expect(await probePort({ protocol: "tcp", hostAddress, hostPort })).toBe(false);
    expect(await probePort({ protocol: "udp", hostAddress, hostPort })).toBe(false);
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(hostPort, hostAddress, resolve));
    expect(await probePort({ protocol: "udp", hostAddress, hostPort })).toBe(true);
    await new Promise<void>((resolve) => socket.close(resolve));
    expect(await probePort({ protocol: "sctp", hostPort })).toBe(false);
  });
});
