import { describe, expect, test } from "vitest";
import { CniErrorCode } from "./cni-error.ts";
import { readInvocation } from "./invocation.ts";

const ADD = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/x", CNI_IFNAME: "eth0" };
const config = (change: object = {}) =>
  JSON.stringify({ cniVersion: "1.1.0", name: "web", type: "holdfast", ...change });

describe("a call of the plugin", () => {
  test("ADD has container, interface, namespace, configuration and arguments", () => {
    const CNI_ARGS = "IgnoreUnknown=1;K8S_POD_NAME=redis-0;IP=10.20.0.5;IP=10.20.0.6";
    expect(readInvocation({ ...ADD, CNI_ARGS }, config({ network: "shop" }))).toEqual({
      command: "ADD",
      workload: { containerId: "c1", ifName: "eth0" },
      netns: "/run/netns/x",
      config: expect.objectContaining({ cniVersion: "1.1.0", name: "web", network: "shop", tenant: "default" }),
      args: new Map([
        ["IgnoreUnknown", "1"],
        ["K8S_POD_NAME", "redis-0"],
        ["IP", "10.20.0.6"],
      ]),
    });
  });

  test.each([{}, { CNI_NETNS: "" }])("DEL needs no namespace, which may have gone (%j)", (change) => {
    const { CNI_NETNS: _, ...without } = ADD;
    const invocation = readInvocation({ ...without, ...change, CNI_COMMAND: "DEL" }, config());
    expect(invocation).toMatchObject({ command: "DEL", workload: { containerId: "c1" } });
    expect(invocation).not.toHaveProperty("netns");
  });

  test.each(["GC", "STATUS"])("%s needs nothing of a container", (CNI_COMMAND) => {
    expect(readInvocation({ CNI_COMMAND }, config())).toMatchObject({ command: CNI_COMMAND });
  });

  test.each([
    { stdin: "", asked: undefined },
    { stdin: "{", asked: undefined },
    { stdin: '{"cniVersion":"9.9.9"}', asked: "9.9.9" },
  ])("VERSION needs nothing at all ($stdin)", ({ stdin, asked }) => {
    expect(readInvocation({ CNI_COMMAND: "VERSION" }, stdin)).toEqual({ command: "VERSION", asked });
  });

  test.each([
    { what: "no command", env: {}, code: 4, text: "CNI_COMMAND is not set" },
    { what: "another command", env: { ...ADD, CNI_COMMAND: "MOVE" }, code: 4, text: '"MOVE" is none of ADD, DEL' },
    {
      what: "two variables missing",
      env: { CNI_COMMAND: "ADD", CNI_IFNAME: "eth0" },
      code: 4,
      text: "needs CNI_CONTAINERID, CNI_NETNS, which are not set",
    },
    {
      what: "a container id with a path in it",
      env: { ...ADD, CNI_CONTAINERID: "../x" },
      code: 4,
      text: 'CNI_CONTAINERID "../x"',
    },
    {
      what: "a long interface name",
      env: { ...ADD, CNI_IFNAME: "e".repeat(16) },
      code: 4,
      text: "at most 15 bytes",
    },
    { what: "an interface name with a slash", env: { ...ADD, CNI_IFNAME: "eth/0" }, code: 4, text: "CNI_IFNAME" },
    {
      what: "an interface name with a percent sign",
      env: { ...ADD, CNI_IFNAME: "eth%d" },
      code: 4,
      text: "CNI_IFNAME",
    },
    { what: "an interface name of 16 bytes", env: { ...ADD, CNI_IFNAME: "é".repeat(8) }, code: 4, text: "CNI_IFNAME" },
    { what: "the loopback interface", env: { ...ADD, CNI_IFNAME: "lo" }, code: 4, text: "something else" },
    {
      what: "an interface name of the kernel's",
      env: { ...ADD, CNI_IFNAME: "default" },
      code: 4,
      text: "something else",
    },
    { what: "the interface name ..", env: { ...ADD, CNI_IFNAME: ".." }, code: 4, text: "CNI_IFNAME" },
    { what: "arguments without =", env: { ...ADD, CNI_ARGS: "A=1;B" }, code: 4, text: 'CNI_ARGS has "B"' },
    {
      what: "CHECK in 0.3.1",
      env: { ...ADD, CNI_COMMAND: "CHECK" },
      change: { cniVersion: "0.3.1" },
      code: 1,
      text: "0.3.1 has no CHECK",
    },
    {
      what: "GC in 1.0.0",
      env: { CNI_COMMAND: "GC" },
      change: { cniVersion: "1.0.0" },
      code: 1,
      text: "1.0.0 has no GC",
    },
    {
      what: "STATUS in 1.0.0",
      env: { CNI_COMMAND: "STATUS" },
      change: { cniVersion: "1.0.0" },
      code: 1,
      text: "no STATUS",
    },
    {
      what: "an unknown version",
      env: ADD,
      change: { cniVersion: "0.2.0" },
      code: 1,
      text: '"0.2.0" is not supported; use one of 0.3.1',
    },
    { what: "no version", env: ADD, change: { cniVersion: undefined }, code: 1, text: '"0.1.0" is not supported' },
    { what: "no name", env: ADD, change: { name: undefined }, code: 7, text: 'no "name"' },
    { what: "a name with a path in it", env: ADD, change: { name: "a/b" }, code: 7, text: 'name "a/b"' },
    {
      what: "a port that is none",
      env: ADD,
      change: { runtimeConfig: { portMappings: [{ hostPort: 70_000, containerPort: 80 }] } },
      code: 7,
      text: "runtimeConfig.portMappings.0.hostPort",
    },
    { what: "a network that is no name", env: ADD, change: { network: "Web!" }, code: 7, text: "network: " },
  ])("with $what is refused with code $code and the reason", ({ env, change, code, text }) => {
    expect(() => readInvocation(env, config(change))).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(text) }),
    );
  });

  test.each(["", "{", "[]", "7", "null"])("with %j for a configuration is refused as undecodable", (stdin) => {
    expect(() => readInvocation(ADD, stdin)).toThrow(expect.objectContaining({ code: CniErrorCode.undecodable }));
  });

  test("takes containerd's keys, which begin with a capital", () => {
    const runtimeConfig = {
      portMappings: [{ HostPort: 8080, ContainerPort: 80, Protocol: "TCP", HostIP: "192.0.2.1" }],
      dns: { Servers: ["192.0.2.53"], Searches: null },
    };
    expect(readInvocation(ADD, config({ runtimeConfig }))).toMatchObject({
      config: {
        runtimeConfig: {
          portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "192.0.2.1" }],
          dns: { servers: ["192.0.2.53"] },
        },
      },
    });
  });

  test("takes null for what is not there, as runtimes written in Go say it", () => {
    const nothing = { ips: null, portMappings: null, "io.kubernetes.cri.pod-annotations": null };
    const change = { runtimeConfig: nothing, prevResult: null, args: null, "cni.dev/valid-attachments": null };
    const invocation = readInvocation({ CNI_COMMAND: "GC" }, config(change));
    expect(invocation).toMatchObject({ command: "GC", config: { runtimeConfig: {}, args: {} } });
    expect(invocation).not.toHaveProperty(["config", "cni.dev/valid-attachments"]);
  });

  test("tells no list of attachments from an empty one", () => {
    const read = (change: object) => readInvocation({ CNI_COMMAND: "GC" }, config(change));
    expect(read({})).not.toHaveProperty(["config", "cni.dev/valid-attachments"]);
    expect(read({ "cni.dev/valid-attachments": [] })).toHaveProperty(["config", "cni.dev/valid-attachments"], []);
  });
});
