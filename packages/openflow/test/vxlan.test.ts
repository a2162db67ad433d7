import { IpAddress, silentLogger, systemClock } from "@holdfast/core";
import { deleteNamespace } from "@holdfast/netlink";
import { createTestNamespace, type TestNamespace } from "@holdfast/netlink/testing";
import { connectOpenFlow, type OpenFlowSwitch, vxlanOutput } from "@holdfast/openflow";
import { type RunningOvs, startOvs } from "@holdfast/ovsdb/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const signal = new AbortController().signal;
const VNI = 5001;
const CONTAINER_PORT = 1;
const TUNNEL_PORT = 2;

/**
 * A container on br0, a tunnel port on br0 whose packets leave through br-phy, and behind that another host: a namespace with the
 * kernel's own VXLAN device.
 */
describe("a VXLAN tunnel chosen by flows", () => {
  const remote = IpAddress.parse("192.0.2.9");
  const undo = new AsyncDisposableStack();
  let ovs: RunningOvs;
  let container: TestNamespace;
  let host: TestNamespace;
  let openFlow: OpenFlowSwitch;
  const within = (namespace: TestNamespace, ...command: string[]): Promise<string> =>
    ovs.exec("ip", "netns", "exec", namespace.name, ...command);
  const plug = async (namespace: TestNamespace, port: string, address: string): Promise<void> => {
    await ovs.exec("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace.name);
    await ovs.exec("ip", "link", "set", port, "up");
    await within(namespace, "ethtool", "-K", "eth0", "tx", "off");
    await within(namespace, "ip", "address", "add", address, "dev", "eth0");
    await within(namespace, "ip", "link", "set", "eth0", "up");
  };

  beforeAll(async () => {
    ovs = undo.use(await startOvs());
    container = await createTestNamespace();
    undo.defer(() => deleteNamespace(container.path));
    host = await createTestNamespace();
    undo.defer(() => deleteNamespace(host.path));
    await ovs.exec(
      ...["ovs-vsctl", "add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev"],
      ...["--", "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure"],
    );
    await plug(container, "veth0", "10.8.0.1/24");
    await plug(host, "up0", "192.0.2.9/24");
    await ovs.exec("ip", "address", "add", "192.0.2.1/24", "dev", "br-phy");
    await ovs.exec("ip", "link", "set", "br-phy", "up");
    await ovs.exec(
      ...["ovs-vsctl", "add-port", "br-phy", "up0"],
      ...["--", "add-port", "br0", "veth0", "--", "set", "interface", "veth0", `ofport_request=${CONTAINER_PORT}`],
      ...[
        "--",
        "add-port",
        "br0",
        "vx0",
        "--",
        "set",
        "interface",
        "vx0",
        "type=vxlan",
        `ofport_request=${TUNNEL_PORT}`,
      ],
      ...["options:key=flow", "options:remote_ip=flow"],
    );
    await within(host, ..."ip link add vx type vxlan id 5001 local 192.0.2.9 remote 192.0.2.1 dstport 4789".split(" "));
    await within(host, "ip", "address", "add", "10.8.0.9/24", "dev", "vx");
    await within(host, "ip", "link", "set", "vx", "up");
    openFlow = connectOpenFlow(
      { logger: silentLogger, clock: systemClock },
      { path: ovs.managementSocket("br0"), signal },
    );
    undo.defer(() => openFlow.close());
  });
  afterAll(() => undo.disposeAsync());

  test("carries a ping there and back under the tunnel id and source that the flows name", async () => {
    const flow = { table: 0, priority: 1, cookie: 1n } as const;
    await openFlow.apply(
      {
        remove: [],
        add: [
          { ...flow, match: { inPort: CONTAINER_PORT }, actions: vxlanOutput({ vni: VNI, remote, port: TUNNEL_PORT }) },
          {
            ...flow,
            match: { inPort: TUNNEL_PORT, tunnelId: BigInt(VNI), tunnelSource: remote },
            actions: [{ kind: "output", port: CONTAINER_PORT }],
          },
        ],
      },
      signal,
    );
    expect(await within(container, "ping", "-c3", "-i0.3", "-W2", "10.8.0.9")).toMatch(/ [1-3] received/);
    await openFlow.apply(
      {
        remove: [],
        add: [
          { ...flow, match: { inPort: CONTAINER_PORT }, actions: vxlanOutput({ vni: 7, remote, port: TUNNEL_PORT }) },
        ],
      },
      signal,
    );
    // What the user-space datapath has cached of the former flow goes when its revalidators have come by.
    const ping = (): Promise<string> =>
      within(container, "ping", "-c1", "-W1", "10.8.0.9").catch((error: { readonly stdout: string }) => error.stdout);
    await expect.poll(ping, { timeout: 10_000 }).toContain(" 0 received");
  });
});
