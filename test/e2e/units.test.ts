import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { HOLDFAST, Stage } from "./stage.ts";

const unit = readFileSync(resolve(import.meta.dirname, "../../deploy/systemd/holdfast-agent.service"), "utf8");

/** The words of util-linux' setpriv that leave a program the rights which the agent's unit leaves it. */
function asUnit(): readonly string[] {
  const kept = /^CapabilityBoundingSet=(.*)$/m.exec(unit)?.[1]?.split(" ") ?? [];
  const bounding = ["-all", ...kept.map((capability) => `+${capability.replace(/^CAP_/, "").toLowerCase()}`)];
  expect(unit).toMatch(/^NoNewPrivileges=yes$/m);
  return ["setpriv", `--bounding-set=${bounding.join(",")}`, "--no-new-privs", "--"];
}

test("an agent with no more rights than its unit gives it wires containers of Docker and of CNI", async ({
  signal,
}) => {
  const options = { title: "units", vlans: { 100: ["10.20.0.1/16"] }, command: [...asUnit(), HOLDFAST] };
  await using stage = await Stage.create(options, signal);
  const host = stage.h1;
  const pid = (await host.process("agent"))?.pid;
  expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/^NoNewPrivs:\s1$/m);
  await stage.network("web", "--kind vlan --vlan 100 --subnet 10.20.0.0/16", signal);
  const { address } = await stage.run(host, "redis-0", { network: "web", words: ["--publish", "8080:80"] }, signal);
  expect(await stage.answersRouter(address, signal)).toBe(true);
  await host.exec([HOLDFAST, "cni", "install", "--network", "web"], { signal });
  await host.exec(["ip", "netns", "add", "one"], { signal });
  const env = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "one", CNI_NETNS: "/run/netns/one", CNI_IFNAME: "eth0" };
  const config = JSON.stringify({ cniVersion: "1.1.0", name: "holdfast", type: "holdfast", network: "web" });
  const words = ["sh", "-c", `printf %s '${config}' | /opt/cni/bin/holdfast`];
  const { stdout } = await host.exec(words, { signal, env });
  expect(stdout).toContain('"ips"');
  await host.exec(words, { signal, env: { ...env, CNI_COMMAND: "DEL" } });
  await host.docker(["rm", "--force", "redis-0"], { signal });
  await stage.bookHas(({ endpoints }) => (endpoints.length === 0 ? true : undefined), signal);
});
