import { describe, expect, test } from "vitest";
import { readInvocation } from "../protocol/invocation.ts";
import { ANNOTATIONS } from "../protocol/network-config.ts";
import { readWishes, type Wishes } from "./wishes.ts";

interface Said {
  readonly annotations?: Record<string, string>;
  readonly runtimeConfig?: Record<string, unknown>;
  /** `CNI_ARGS`; `IgnoreUnknown` is added. */
  readonly args?: string;
  readonly ifName?: string;
  readonly conf?: Record<string, unknown>;
}

function wishesOf({ annotations, runtimeConfig, args = "", ifName = "eth0", conf }: Said): Wishes {
  const env = {
    ...{ CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/c1", CNI_IFNAME: ifName },
    CNI_ARGS: args,
  };
  const all = { ...runtimeConfig, ...(annotations === undefined ? {} : { [ANNOTATIONS]: annotations }) };
  const config = { cniVersion: "1.0.0", name: "web", runtimeConfig: all, ...conf };
  const call = readInvocation(env, JSON.stringify(config));
  if (call.command !== "ADD") throw new Error(call.command);
  return readWishes(call);
}

const POD = "IgnoreUnknown=1;K8S_POD_NAMESPACE=prod;K8S_POD_NAME=redis-0;K8S_POD_UID=7;K8S_POD_INFRA_CONTAINER_ID=c1";
const mesos = (info: object) => ({ args: { "org.apache.mesos": { network_info: info } } });
const label = (key: string, value: string) => mesos({ labels: { labels: [{ key, value }] } });

describe("wishes", () => {
  test("that nobody has are the network's own, and any address", () => {
    expect(wishesOf({})).toEqual({
      ...{ tenant: "default", network: "web", addresses: [], ports: [], container: "c1" },
    });
  });

  test.each<{ what: string; said: Said; wish: Partial<Wishes> | object }>([
    {
      what: "annotations of a pod",
      said: {
        annotations: {
          "holdfast.io/identity": "cache/redis-0",
          "holdfast.io/network": "db",
          "holdfast.io/ip": "10.20.0.7/16, fd00::7",
          "holdfast.io/retention": "sticky:1h",
          "someone.else/ip": "10.0.0.1",
        },
      },
      wish: {
        identity: "cache/redis-0",
        network: "db",
        addresses: ["10.20.0.7", "fd00::7"],
        retention: { kind: "sticky", ttlSeconds: 3600 },
      },
    },
    {
      what: "a pod's namespace and name",
      said: { args: POD },
      wish: { name: { identity: "prod/redis-0", isOne: true }, container: "prod/redis-0" },
    },
    {
      what: "a podman container's name, which another machine may have as well",
      said: { args: "IgnoreUnknown=1;K8S_POD_NAME=redis-0" },
      wish: { name: { identity: "redis-0", isOne: false }, container: "redis-0" },
    },
    {
      what: "a Nomad group's, which its allocations share",
      said: { args: "NOMAD_NAMESPACE=prod;NOMAD_JOB_ID=cache;NOMAD_GROUP_NAME=redis;NOMAD_ALLOC_ID=7;NOMAD_REGION=eu" },
      wish: { name: { identity: "prod/cache/redis", isOne: false } },
    },
    {
      what: "a Nomad allocation's with its index",
      said: { args: "NOMAD_JOB_ID=cache;NOMAD_GROUP_NAME=redis;NOMAD_ALLOC_INDEX=2" },
      wish: { name: { identity: "default/cache/redis/2", isOne: true } },
    },
    {
      what: "a label of Mesos",
      said: { conf: label("holdfast.io/identity", "hdfs-1") },
      wish: { identity: "hdfs-1" },
    },
    {
      what: "an address of Mesos",
      said: { conf: mesos({ ip_addresses: [{ protocol: "IPv4" }, { ip_address: "10.20.0.7" }], name: "web" }) },
      wish: { addresses: ["10.20.0.7"] },
    },
    {
      what: "the conventions' args",
      said: { conf: { args: { cni: { ips: ["10.20.0.7"], labels: [{ key: "holdfast.io/identity", value: "a" }] } } } },
      wish: { addresses: ["10.20.0.7"], identity: "a" },
    },
    { what: "IP= without a length", said: { args: "IP=10.20.0.7" }, wish: { addresses: ["10.20.0.7"] } },
    { what: "several IP=", said: { args: "IP=10.20.0.7/24,fd00::7" }, wish: { addresses: ["10.20.0.7", "fd00::7"] } },
    { what: "MAC=", said: { args: "MAC=02:64:0A:14:00:07" }, wish: { mac: "02:64:0a:14:00:07" } },
    {
      what: "our own keys in CNI_ARGS",
      said: { args: "HOLDFAST_IDENTITY=a;HOLDFAST_NETWORK=db;HOLDFAST_RETENTION=reserved" },
      wish: { identity: "a", network: "db", retention: { kind: "reserved" } },
    },
    {
      what: "capabilities",
      said: { runtimeConfig: { ips: ["10.20.0.7/16"], mac: "02:64:0a:14:00:07" } },
      wish: { addresses: ["10.20.0.7"], mac: "02:64:0a:14:00:07" },
    },
    {
      what: "an annotation for this interface before one for all",
      said: { ifName: "net1", annotations: { "net1.holdfast.io/ip": "10.30.0.7", "holdfast.io/ip": "10.20.0.7" } },
      wish: { addresses: ["10.30.0.7"] },
    },
    {
      what: "an annotation for all, whatever is said for others",
      said: { annotations: { "net1.holdfast.io/ip": "10.30.0.7", "holdfast.io/ip": "10.20.0.7" } },
      wish: { addresses: ["10.20.0.7"] },
    },
    {
      what: "the same twice, in another order and with lengths",
      said: { args: "IP=fd00::7/64,10.20.0.7/16", runtimeConfig: { ips: ["10.20.0.7", "fd00::7"] } },
      wish: { addresses: ["fd00::7", "10.20.0.7"] },
    },
    {
      what: "an identity before the name that the runtime has",
      said: { args: POD, annotations: { "holdfast.io/identity": "a" } },
      wish: { identity: "a", container: "prod/redis-0" },
    },
    {
      what: "the annotation's network before the configuration's",
      said: { conf: { network: "front", tenant: "blue" }, annotations: { "holdfast.io/network": "db" } },
      wish: { tenant: "blue", network: "db" },
    },
    {
      what: "a range",
      said: {
        runtimeConfig: { ipRanges: [[{ subnet: "10.20.0.0/24", rangeStart: "10.20.0.9", gateway: "10.20.0.1" }]] },
      },
      wish: { range: { first: "10.20.0.9", last: "10.20.0.255" } },
    },
    {
      what: "a QoS profile and limits of its runtime",
      said: {
        annotations: { "holdfast.io/qos": "gold" },
        runtimeConfig: {
          bandwidth: {
            ingressRate: 1_000_000,
            ingressBurst: 800_000,
            egressRate: 10_000_000,
            egressBurst: 2_147_483_647,
          },
        },
      },
      wish: {
        profile: "gold",
        qos: { ingress: { rate: 1_000_000, burst: 100_000 }, egress: { rate: 10_000_000, burst: 2_500_000 } },
      },
    },
    {
      what: "a limit as containerd says it",
      said: {
        runtimeConfig: { bandwidth: { IngressRate: 1_000_000, IngressBurst: 0, EgressRate: 0, EgressBurst: 0 } },
      },
      wish: { qos: { ingress: { rate: 1_000_000, burst: 65_536 } } },
    },
    {
      what: "keys that nobody knows",
      said: { runtimeConfig: { "example.org/x": true, cgroupPath: "/a" } },
      wish: { network: "web" },
    },
    {
      what: "limits that are none",
      said: { runtimeConfig: { bandwidth: { ingressRate: 0, egressRate: 0 }, aliases: [], ipRanges: [[]] } },
      wish: { network: "web" },
    },
  ])("by $what", ({ said, wish }) => {
    expect(wishesOf(said)).toMatchObject(wish);
  });

  test("of names alone are none when the configuration does not use them", () => {
    const wishes = wishesOf({ args: POD, conf: { useNames: false } });
    expect(wishes).not.toHaveProperty("name");
    expect(wishes.container).toBe("prod/redis-0");
  });

  test("of a name that cannot be an identity are none", () => {
    expect(wishesOf({ args: "NOMAD_JOB_ID=a/b;NOMAD_GROUP_NAME=c" })).not.toHaveProperty("name");
    expect(wishesOf({ args: "K8S_POD_NAMESPACE=prod;K8S_POD_NAME=a/b" })).not.toHaveProperty("name");
  });

  test.each<{ what: string; said: Said; code: number; text: string }>([
    {
      what: "an annotation and CNI_ARGS that differ",
      said: { annotations: { "holdfast.io/ip": "10.20.0.7" }, args: "IP=10.20.0.8" },
      code: 7,
      text: 'the annotation holdfast.io/ip says "10.20.0.7", and IP in CNI_ARGS says "10.20.0.8"; leave one of them out',
    },
    {
      what: "CNI_ARGS and a capability that differ",
      said: { args: "MAC=02:00:00:00:00:01", runtimeConfig: { mac: "02:00:00:00:00:02" } },
      code: 7,
      text: "MAC in CNI_ARGS says",
    },
    {
      what: "a label and an annotation that differ",
      said: { annotations: { "holdfast.io/identity": "a" }, conf: label("holdfast.io/identity", "b") },
      code: 7,
      text: 'the annotation holdfast.io/identity says "a", and the label holdfast.io/identity says "b"',
    },
    {
      what: "an identity that is none",
      said: { annotations: { "holdfast.io/identity": "a//b" } },
      code: 7,
      text: 'the annotation holdfast.io/identity says "a//b": not an identity',
    },
    {
      what: "a network of another tenant",
      said: { annotations: { "holdfast.io/network": "blue/web" } },
      code: 7,
      text: "the annotation holdfast.io/network says",
    },
    {
      what: "a retention that is none",
      said: { args: POD, annotations: { "holdfast.io/retention": "forever" } },
      code: 7,
      text: "forever is none of reserved, sticky:TIME",
    },
    {
      what: "a retention for nobody",
      said: { annotations: { "holdfast.io/retention": "reserved" } },
      code: 7,
      text: "nothing says for whom; say holdfast.io/identity",
    },
    { what: "an address that is none", said: { args: "IP=10.20.0" }, code: 7, text: '"10.20.0" is asked for' },
    { what: "a MAC that is none", said: { args: "MAC=1" }, code: 7, text: 'MAC in CNI_ARGS says "1"' },
    {
      what: "labels of another shape",
      said: { conf: mesos({ labels: { labels: [{ value: "a" }] } }) },
      code: 7,
      text: "args.org.apache.mesos.network_info.labels.labels.0.key",
    },
    {
      what: "a limit of bandwidth that is no number",
      said: { runtimeConfig: { bandwidth: { ingressRate: "1M" } } },
      code: 7,
      text: "runtimeConfig.bandwidth.ingressRate",
    },
    { what: "aliases", said: { runtimeConfig: { aliases: ["db"] } }, code: 2, text: 'aliases ["db"] is not' },
    {
      what: "ranges",
      said: { runtimeConfig: { ipRanges: [[{ subnet: "10.20.0.0/24" }], [{ subnet: "fd00::/64" }]] } },
      code: 2,
      text: "ipRanges has 2 ranges, and an address is chosen from one",
    },
    {
      what: "a QoS profile that is no name",
      said: { annotations: { "holdfast.io/qos": "Gold!" } },
      code: 7,
      text: 'the annotation holdfast.io/qos says "Gold!"',
    },
    {
      what: "an unknown key in CNI_ARGS",
      said: { args: "GATEWAY=1" },
      code: 4,
      text: "GATEWAY=1, which means nothing",
    },
    {
      what: "names that are too long together",
      said: { conf: { name: "w".repeat(122), network: "web" } },
      code: 7,
      text: 'have 130 characters with two slashes, and at most 128 are kept; shorten "name"',
    },
    {
      what: "a range of no subnet",
      said: { runtimeConfig: { ipRanges: [[{ subnet: "10.20.0.1/24" }]] } },
      code: 7,
      text: "runtimeConfig.ipRanges: host bits are set in 10.20.0.1/24",
    },
    { what: "IgnoreUnknown=0", said: { args: "IgnoreUnknown=0;A=1" }, code: 4, text: "A=1, which means nothing" },
    { what: "IgnoreUnknown=maybe", said: { args: "IgnoreUnknown=maybe" }, code: 4, text: "neither true nor false" },
  ])("are refused for $what, with code $code", ({ said, code, text }) => {
    expect(() => wishesOf(said)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(text) }));
  });

  test("pass over unknown keys in CNI_ARGS when they are to", () => {
    expect(wishesOf({ args: "GATEWAY=1;IgnoreUnknown=true" })).toMatchObject({ network: "web" });
  });
});
