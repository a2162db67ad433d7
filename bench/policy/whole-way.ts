import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { Name, silentLogger } from "@holdfast/core";
import { createLab, type LabHost, type Platform, startPlatform } from "@holdfast/lab";
import { type NewPolicy, newPolicySchema, type PolicyRule, routes } from "@holdfast/model";
import { type BenchPlugin, createCaller } from "../cni/caller.ts";
import { rested } from "../cni/in-turn.ts";

/** Of one rule, from the request to the packets. */
export interface Changed {
  readonly to: "allow" | "deny";
  /** Milliseconds until the controller's answer was there. */
  readonly answered: number;
  /** Milliseconds until the first packet was sent that the new rule has judged. */
  readonly enforced: number;
}

export interface WholeWayOptions {
  readonly endpoints: number;
  readonly rules: number;
  readonly changes: number;
  /** For programs that are built. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

const TENANT = Name.parse("default");
const PORT = 7000;
/** Milliseconds after a change: what is still done about it then must not be counted as the next one's. */
const REST = 250;
const COMMAND = resolve(import.meta.dirname, "../../bin/holdfast");
const PODS: BenchPlugin = {
  name: "pod",
  program: resolve(import.meta.dirname, "../../packages/cni/build/holdfast"),
  config: { cniVersion: "1.0.0", name: "net", type: "holdfast", network: "net" },
};

/**
 * The product as it runs: a rule of a policy of so many is changed over REST again and again, while one of so many endpoints of a host sends packets to another that
 * the rule is about.
 */
export async function measureWholeWay(options: WholeWayOptions): Promise<readonly Changed[]> {
  const { endpoints, folder, signal } = options;
  const logger = silentLogger;
  await using lab = await createLab({ logger }, { name: `policy-${process.pid}`, hosts: 1, docker: false, signal });
  await using platform = await startPlatform(lab, { command: [COMMAND], switchless: true, signal });
  const host = lab.host(1);
  await platform.command(["network", "create", "net", ..."--kind routed --subnet 10.20.0.0/16".split(" ")]);
  const caller = await createCaller(host, folder, signal);
  await caller.makeContainers(PODS, endpoints);
  await caller.call(PODS, "ADD", { count: endpoints });
  const [client, server] = [await addressOf(host, "pod-0", signal), await addressOf(host, "pod-1", signal)];
  // The kernel remembers each packet's connection for as long, and looks through all of them at each change.
  await host.exec(["sysctl", "-qw", "net.netfilter.nf_conntrack_udp_timeout=1"], { signal });
  await using verdicts = await watchVerdicts(host, server, folder);
  await verdicts.next("passes");
  const body = policyOf(client, options.rules);
  await platform.client.call(routes.createPolicy, { params: { tenant: TENANT }, body }, { signal });
  await verdicts.next("drops");
  await rested(host, signal);
  const changed: Changed[] = [];
  for (let index = 0; index < options.changes; index++) {
    const rule = probeRule(client, index % 2 === 0 ? "allow" : "deny");
    changed.push(await change(platform, rule, verdicts, signal));
    await pause(REST, undefined, { signal });
  }
  return changed;
}

async function change(
  { client }: Platform,
  rule: PolicyRule & { readonly action: Changed["to"] },
  verdicts: Verdicts,
  signal: AbortSignal,
): Promise<Changed> {
  const params = { tenant: TENANT, policy: "p", direction: "ingress" as const, rule: rule.id };
  const sent = process.hrtime.bigint();
  await client.call(routes.setPolicyRule, { params, body: { rule } }, { signal });
  const answered = process.hrtime.bigint();
  const judged = await verdicts.next(rule.action === "allow" ? "passes" : "drops");
  return { to: rule.action, answered: milliseconds(answered - sent), enforced: milliseconds(judged - sent) };
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6;
}

/** For all endpoints; the one about the client is in the middle, and denies. */
function policyOf(client: string, count: number): NewPolicy {
  const others = Array.from({ length: count - 1 }, (_, index): PolicyRule => {
    const peers = [{ kind: "cidr", cidr: `10.99.${index >> 8}.${index & 255}/32` }];
    const services = [{ protocol: "tcp", ports: [1000 + (index % 400)] }];
    const action = index % 3 === 0 ? "deny" : "allow";
    return { id: `r-${index}`, action, peers, services } as PolicyRule;
  });
  const ingress = others.toSpliced(count >> 1, 0, probeRule(client, "deny"));
  return newPolicySchema.parse({ name: "p", ingress });
}

function probeRule<T extends Changed["to"]>(client: string, action: T): PolicyRule & { readonly action: T } {
  const peers = [{ kind: "cidr", cidr: `${client}/32` }];
  return { id: "probe", action, peers, services: [{ protocol: "udp", ports: [PORT] }] } as PolicyRule & { action: T };
}

async function addressOf(host: LabHost, pod: string, signal: AbortSignal): Promise<string> {
  const { stdout } = await host.exec(["ip", "-n", pod, "-4", "-o", "address", "show", "dev", "eth0"], { signal });
  const address = /inet ([\d.]+)/.exec(stdout)?.[1];
  if (address === undefined) throw new TypeError(`${pod} has no address: ${stdout}`);
  return address;
}

/** What becomes of packets between the first two containers. */
interface Verdicts extends AsyncDisposable {
  /** When the first packet was sent that the next change to this was seen on, nanoseconds as `process.hrtime` has them. */
  next(verdict: "passes" | "drops"): Promise<bigint>;
}

async function watchVerdicts(host: LabHost, server: string, folder: string): Promise<Verdicts> {
  const program = join(folder, "verdicts");
  await promisify(execFile)("gcc", ["-O2", "-Wall", "-Werror", "-o", program, join(import.meta.dirname, "verdicts.c")]);
  const inside = ["nsenter", "--net=/run/netns/pod-0", "--", "setpriv", "--pdeathsig", "KILL"];
  const [file = "", ...words]: readonly string[] = [
    ...host.prefix(),
    ...inside,
    program,
    server,
    String(PORT),
    "/run/netns/pod-1",
  ];
  const child = spawn(file, words, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async next(verdict) {
      const { value = "" } = await lines.next();
      const [found, at = ""] = value.split(" ");
      if (found !== verdict) throw new TypeError(`packets: ${found ?? "no more"}, though ${verdict} was next`);
      return BigInt(at);
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
  };
}
