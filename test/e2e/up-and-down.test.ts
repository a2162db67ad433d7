import { resolve } from "node:path";
import { silentLogger } from "@holdfast/core";
import { createLab, type Lab } from "@holdfast/lab";
import { afterAll, beforeAll, expect, test } from "vitest";

const holdfast = resolve(import.meta.dirname, "../../bin/holdfast");
let lab: Lab;

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  lab = await createLab({ logger: silentLogger }, { name: `up-${process.pid}`, hosts: 1, docker: false, signal });
});
afterAll(async () => {
  await lab.destroy();
});

/**
 * A machine of its own with nothing running and no way out. Each step prints a line `== NAME` before what it prints itself; the first that
 * fails ends the script.
 */
const SCRIPT = `
set -eu
mount -t tmpfs tmpfs /var/log
ip link set lo up
step() { echo "== $1"; }
running() { for f in /run/holdfast/*.pid; do [ -e "$f" ] && basename "$f" .pid; done | sort | tr '\\n' ' '; echo; }

step "down on a machine that never was up"; ${holdfast} down
step "no such uplink"; ${holdfast} up --uplink nosuch0 2>&1 || true; running
step "port in use"; node -e 'require("net").createServer().listen(4653, "127.0.0.1", () => console.log("listens"))' > /tmp/hf-port-$$ & listener=$!
until grep -q listens /tmp/hf-port-$$; do kill -0 $listener; sleep 0.05; done; rm /tmp/hf-port-$$
${holdfast} up 2>&1 || true; running; kill $listener; ${holdfast} down > /dev/null
step "up"; ${holdfast} up; running
step "installation"; ${holdfast} cni install --network web; printf more >> /opt/cni/bin/holdfast
step "up again"; ${holdfast} up
${holdfast} network create web --kind vlan --vlan 100 --subnet 10.20.0.0/16 > /dev/null
address=$(${holdfast} claim create redis-0 --network web | awk '{ print $2 }')
tar -C / -c bin/busybox | docker import - box > /dev/null
for turn in $(seq 200); do docker network inspect web > /dev/null 2>&1 && break; sleep 0.1; done
step "container"; docker run -d --name redis-0 --network web --ip "$address" --stop-timeout 1 box /bin/busybox sleep 1000 > /dev/null
ping -c 1 -W 5 "$address" > /dev/null && echo reached
step "flows"; for turn in $(seq 150); do ping -c 40 -i 0.002 -q -W 5 "$address" > /dev/null; ${holdfast} flows top --by identity | grep redis-0 && break; sleep 0.1; done
step "routed"; ${holdfast} network create pods --kind routed --masquerade --subnet 10.30.0.0/24 > /dev/null
for turn in $(seq 200); do docker network inspect pods > /dev/null 2>&1 && break; sleep 0.1; done
docker run -d --name pod-0 --network pods --stop-timeout 1 box /bin/busybox sleep 1000 > /dev/null
pod=$(docker inspect --format '{{.NetworkSettings.Networks.pods.IPAddress}}' pod-0)
ping -c 1 -W 5 "$pod" > /dev/null && echo reached
docker exec pod-0 /bin/busybox ping -c 1 -W 5 "$address" > /dev/null && echo "reaches its tenant's other network"
docker exec pod-0 /bin/busybox ping -c 1 -W 5 192.168.77.11 > /dev/null && echo masqueraded
${holdfast} network update pods --no-masquerade > /dev/null; sleep 1
docker exec pod-0 /bin/busybox ping -c 1 -W 1 192.168.77.11 > /dev/null || echo "not masqueraded"
step "up after a crash"
kill -9 $(cut -d' ' -f1 /run/holdfast/agent.pid) $(cut -d' ' -f1 /run/holdfast/collector.pid) $(cut -d' ' -f1 /run/holdfast/controller.pid)
${holdfast} up; ping -c 1 -W 5 "$address" > /dev/null && echo reached
step "status"; ${holdfast} cni status
step "uplink of the machine"; ip link add up0 type veth peer name phys0; ip link set up0 up; ip link set phys0 up; ip address add 192.0.2.1/24 dev up0
${holdfast} up --uplink up0 2>&1 || true; ping -c 1 -W 5 "$address" > /dev/null && echo reached
step "uplink"; ip address del 192.0.2.1/24 dev up0; ${holdfast} up --uplink up0; docker exec redis-0 /bin/busybox true && echo lives
step "up after a crash of the agent"; kill -9 $(cut -d' ' -f1 /run/holdfast/agent.pid); ${holdfast} up | head -n 4; ip link del up0
step "down"; ${holdfast} down
step "left"; ls /etc/cni/net.d /opt/cni/bin 2>/dev/null | grep holdfast || true; ip -o link | grep -c hf || true; ip route show proto 253; ip -o address | grep 169.254 || true; nft list tables | grep holdfast || true; ls -d /run/holdfast /var/log/holdfast 2>/dev/null || true
pgrep -f "^ovs-vswitchd .*$$" || true
ip -o link | grep docker0 || true; iptables-save 2> /dev/null | grep -i docker || true; iptables-save 2> /dev/null | grep ":FORWARD DROP" || true
step "down again"; ${holdfast} down
step "up once more"; ${holdfast} up > /dev/null; ${holdfast} claim list
step "purge"; ${holdfast} down --purge > /dev/null; ls -d /var/lib/holdfast 2>/dev/null || echo gone
`;

test("up and down can be repeated, survive a crash, and leave nothing but the address book", async () => {
  const signal = AbortSignal.timeout(150_000);
  const argv = ["unshare", "--mount", "--propagation", "private", "bash", "-c", SCRIPT];
  const { stdout, stderr, code } = await lab.control.tryExec(argv, { signal });
  const sections = Object.fromEntries(
    stdout.split("== ").map((text) => [text.slice(0, text.indexOf("\n")), text.slice(text.indexOf("\n") + 1)]),
  );
  expect({ code, stderr: code === 0 ? "" : stderr + stdout }).toEqual({ code: 0, stderr: "" });
  expect(sections["no such uplink"]).toBe(
    "holdfast: there is no interface nosuch0 for the uplink; this machine has mgmt0\n\n",
  );
  expect(sections["port in use"]).toMatch(
    /controller does not start; \/var\/log\/holdfast\/controller.log says:\nholdfast: cannot listen on 127.0.0.1:4653: .*\ndockerd ovs-vswitchd ovsdb-server \n/,
  );
  expect(sections.up).toMatch(
    /Open vSwitch +started\n +Docker +started\n +controller +started\n +agent +started\n +collector +started\n/,
  );
  expect(sections.up).toContain("bin/holdfast network create web --kind vlan --vlan 100 --subnet 10.20.0.0/16");
  expect(sections.up).toContain("agent collector controller dockerd ovs-vswitchd ovsdb-server");
  expect(sections.installation).toMatch(/written +\/opt\/cni\/bin\/holdfast +missing/);
  // The agent that was started again has put its own plugin in the place of another one.
  expect(sections.status?.match(/ ok /g)).toHaveLength(5);
  expect(sections.down).toContain("removed /etc/cni/net.d/10-holdfast.conflist, /opt/cni/bin/holdfast");
  expect(sections["up again"]?.match(/runs already/g)).toHaveLength(5);
  expect(sections.container).toBe("reached\n");
  expect(sections.flows).toMatch(/^default +redis-0 /);
  expect(sections.routed).toBe("reached\nreaches its tenant's other network\nmasqueraded\nnot masqueraded\n");
  expect(sections["up after a crash"]).toMatch(
    /controller +started\n +agent +started\n +collector +started[\s\S]*reached\n$/,
  );
  expect(sections["uplink of the machine"]).toMatch(
    /agent does not start; .*\nholdfast: the uplink up0 has the address 192.0.2.1\/24 of this machine;.*\nreached\n$/,
  );
  expect(sections.uplink).toMatch(/agent +started again with --uplink up0\n[\s\S]*lives\n$/);
  expect(sections["up after a crash of the agent"]).toMatch(/agent +started with --uplink up0\n/);
  expect(sections.left).toBe("0\n");
  expect(sections["up once more"]).toMatch(/default\/web +redis-0 +10\.20\.0\.2 +02:64:0a:14:00:02 +reserved +-/);
  expect(sections.purge).toBe("gone\n");
}, 170_000);
