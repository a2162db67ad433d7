import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DatapathDriver } from "../src/driver.ts";
import { network, on, wiring } from "../src/testing/parties.ts";
import { NO_CHANGE, program, REALM_SETS, rule, tcp } from "../src/testing/policy-parties.ts";
import { Host, type Sandbox } from "./fabric.ts";

const signal = () => AbortSignal.timeout(5000);
const telnet = rule("rule/default/web/ingress/telnet", "deny", { services: [tcp(23)], log: true });
const http = rule("rule/default/web/ingress/http", "allow", { services: [tcp(80)], log: true });
const ssh = rule("rule/default/web/ingress/ssh", "deny", { services: [tcp(22)] });
const web = program("default/web", { ingress: { main: [[telnet, http, ssh]], end: "allow" } });

describe("rules with log on Open vSwitch", () => {
  let host: Host;
  let driver: DatapathDriver;
  let sandboxes: { readonly a: Sandbox; readonly b: Sandbox };
  const lines: string[] = [];

  beforeEach(async () => {
    lines.length = 0;
    host = await Host.start();
    driver = await host.open({ packetLog: async (line) => void lines.push(line) });
    driver.setNetwork(network("n7", "vlan", 100));
    await driver.policy?.applyPolicy({ ...NO_CHANGE, sets: REALM_SETS, programs: [web] }, signal());
    const policed = wiring("a", "n7", ["10.20.0.5"], { policy: { program: web.id } });
    const a = await host.plug(await driver.attach(policed, signal()), [on("10.20.0.5/24")]);
    const b = await host.plug(await driver.attach(wiring("b", "n7", ["10.20.0.6"]), signal()), [on("10.20.0.6/24")]);
    sandboxes = { a, b };
    await driver.synced(signal());
  });
  afterEach(async () => {
    for (const sandbox of Object.values(sandboxes)) await sandbox[Symbol.asyncDispose]();
    await driver.close();
    await host[Symbol.asyncDispose]();
  });

  /** Tries to connect from `b` to `a`; whatever becomes of it. */
  const knock = async (port: number, times = 1): Promise<void> => {
    const once = `timeout 0.02 bash -c '</dev/tcp/10.20.0.5/${port}'`;
    const script = `for i in $(seq ${times}); do ${once}; done 2>/dev/null; true`;
    await sandboxes.b.exec("bash", "-c", script);
  };

  test("tell of packets by the rule, whatever it decides, and the others do not", async () => {
    await knock(22);
    await knock(23);
    await knock(80);
    const line = (id: string, port: number) =>
      expect.stringMatching(
        new RegExp(`^${id} IN= OUT=hfp\\d+ SRC=10.20.0.6 DST=10.20.0.5 LEN=60 PROTO=TCP SPT=\\d+ DPT=${port}$`),
      );
    await expect.poll(() => lines.length).toBe(2);
    expect(lines).toEqual([line(telnet.id, 23), line(http.id, 80)]);
  });

  test("tell of ten packets a second and rule at most", async () => {
    const begun = performance.now();
    await knock(23, 100);
    const seconds = (performance.now() - begun) / 1000;
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.length).toBeLessThanOrEqual(10 + 10 * seconds + 1);
    expect(lines.length).toBeLessThan(90);
  });

  test("do so again in a switch that was killed", async () => {
    await host.ovs.restartSwitch("kill");
    await expect.poll(() => host.flows(), { timeout: 5000 }).toContain("controller(meter_id=");
    const meters = ["-O", "OpenFlow14", "dump-meters", host.ovs.managementSocket("hf-int")];
    expect((await host.ovs.exec("ovs-ofctl", ...meters)).match(/meter=/g)).toHaveLength(2);
    await expect.poll(() => sandboxes.b.ping("10.20.0.5", 1), { timeout: 5000 }).toBe(1);
    await knock(23);
    await expect.poll(() => lines.length).toBe(1);
  });
});
