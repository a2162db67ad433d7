import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { agentOptions } from "@holdfast/agent/config";
import type { CliIo } from "@holdfast/cli";
import { readOptions } from "@holdfast/core";
import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { addPrograms } from "../packages/holdfast/src/programs/commands.ts";

const root = resolve(import.meta.dirname, "..");
const deploy = (path: string): string => readFileSync(`${root}/deploy/${path}`, "utf8");

/** What is wrong with a command line of ours, as far as it can be told without running it. */
function wrongIn([program, ...words]: readonly string[]): readonly string[] {
  const tree = new Command("holdfast");
  addPrograms(tree, { io: { out: () => {}, err: () => {} } as unknown as CliIo, interrupted: new AbortController() });
  let [command, rest] = [tree, words];
  for (let found = childOf(tree, rest[0]); found !== undefined; found = childOf(command, rest[0]))
    [command, rest] = [found, rest.slice(1)];
  const { operands, unknown } = command.parseOptions(rest);
  const missing = command.options.filter(({ mandatory, long }) => mandatory && !rest.includes(long ?? ""));
  return [
    ...(program === "/opt/holdfast/bin/holdfast" ? [] : [`another program: ${program}`]),
    ...(command === tree ? ["no subcommand"] : []),
    ...[...operands, ...unknown].map((word) => `unknown: ${word}`),
    ...missing.map(({ long }) => `missing: ${long}`),
  ];
}

function childOf(command: Command, name: string | undefined): Command | undefined {
  return command.commands.find((each) => each.name() === name);
}

test("a wrong command line is told from a right one", () => {
  const program = "/opt/holdfast/bin/holdfast";
  expect(wrongIn([program, "cni", "install"])).toEqual(["missing: --network"]);
  expect(wrongIn([program, "agent", "--no-such"])).toEqual(["unknown: --no-such"]);
  expect(wrongIn([program, "agents"])).toEqual(["no subcommand", "unknown: agents"]);
  expect(wrongIn(["holdfast", "agent"])).toEqual(["another program: holdfast"]);
});

describe("the units of systemd", () => {
  const units = ["holdfast-controller.service", "holdfast-agent.service", "holdfast-collector.service"];
  const settings = (unit: string): ReadonlyMap<string, string> =>
    new Map([...deploy(`systemd/${unit}`).matchAll(/^(\w+)=(.*)$/gm)].map(([, key = "", value = ""]) => [key, value]));

  test.each(units)("%s starts what there is, again when it fails, and ends nothing but it", (unit) => {
    const unitSettings = settings(unit);
    expect(wrongIn((unitSettings.get("ExecStart") ?? "").split(" "))).toEqual([]);
    expect(unitSettings.get("Restart")).toBe("on-failure");
    expect(unitSettings.get("KillMode")).toBe("process");
    expect(unitSettings.get("StateDirectory")).toBe("holdfast");
    // Node's compiler writes what it runs.
    expect(unitSettings.has("MemoryDenyWriteExecute")).toBe(false);
  });

  test("the agent runs before who needs its sockets, after its switch, and among the machine's own mounts", () => {
    const agent = settings("holdfast-agent.service");
    expect(agent.get("After")?.split(" ")).toContain("openvswitch-switch.service");
    expect(agent.get("Before")?.split(" ")).toEqual(["docker.service", "kubelet.service"]);
    const mounting =
      /^(Protect|Private|ReadOnly|ReadWrite|Inaccessible|TemporaryFileSystem|Mount|Root|Bind|RestrictNamespaces)/;
    expect([...agent.keys()].filter((key) => mounting.test(key))).toEqual([]);
  });

  test("are what systemd takes", () => {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-units-"));
    try {
      const paths = units.map((unit) => join(folder, unit));
      // It looks whether the program is there.
      for (const [index, path] of paths.entries())
        writeFileSync(path, deploy(`systemd/${units[index]}`).replaceAll("/opt/holdfast", root));
      const { error, stderr } = spawnSync("systemd-analyze", ["verify", ...paths], { encoding: "utf8" });
      // A machine without systemd has nobody who could take them. What is said of other units is not about these.
      const said = error === undefined ? stderr.split("\n").filter((line) => line.includes("holdfast")) : [];
      expect(said).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("the manifest for Kubernetes", () => {
  interface Container {
    readonly name: string;
    readonly image: string;
    readonly command: readonly string[];
    readonly securityContext?: { readonly privileged: boolean };
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; mountPropagation?: string }[];
    readonly readinessProbe?: { readonly httpGet: { readonly host: string; readonly port: number } };
  }
  interface PodSpec {
    readonly hostNetwork: boolean;
    readonly hostPID: boolean;
    readonly serviceAccountName: string;
    readonly initContainers: readonly [Container];
    readonly containers: readonly [Container];
    readonly volumes: readonly { readonly name: string; readonly hostPath?: { readonly path: string } }[];
  }
  interface Resource {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly namespace?: string };
    readonly data: Readonly<Record<string, string>>;
    readonly spec: { readonly template: { readonly spec: PodSpec } };
  }
  const documents = parseAllDocuments(deploy("kubernetes/holdfast.yaml"));
  const resources = documents.map((document) => document.toJS() as Resource);
  const [namespace, account, config, daemons] = resources;
  const pod = daemons?.spec.template.spec as PodSpec;
  const containers = [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])];

  test("is YAML of a namespace and what is in it", () => {
    expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
    expect(resources.map(({ kind }) => kind)).toEqual(["Namespace", "ServiceAccount", "ConfigMap", "DaemonSet"]);
    for (const resource of [account, config, daemons])
      expect(resource?.metadata.namespace).toBe(namespace?.metadata.name);
    expect(pod.serviceAccountName).toBe(account?.metadata.name);
  });

  test("runs the agent on the node's network, among its processes, with all rights", () => {
    expect(pod).toMatchObject({ hostNetwork: true, hostPID: true });
    expect(pod.containers[0].securityContext?.privileged).toBe(true);
    const { host, port } = pod.containers[0].readinessProbe?.httpGet ?? {};
    expect(`${host}:${port}`).toBe(agentOptions.status.fallback);
  });

  test.each(containers)(
    "$name runs what there is, and mounts what it writes from the node",
    ({ command, volumeMounts }) => {
      expect(wrongIn(command)).toEqual([]);
      for (const { name, mountPath } of volumeMounts) {
        const volume = pod.volumes.find((each) => each.name === name);
        expect(volume).toBeDefined();
        // A path is what runtime, plugin and agent call it in one another's words.
        if (volume?.hostPath !== undefined) expect(volume.hostPath.path).toBe(mountPath);
      }
    },
  );

  test("lets the agent see what the runtime, the switch and the installation have", () => {
    const mounts = new Map(pod.containers[0].volumeMounts.map((mount) => [mount.mountPath, mount]));
    expect(mounts.get("/run/netns")?.mountPropagation).toBe("HostToContainer");
    const needed = ["/run/holdfast", "/var/lib/holdfast", "/run/openvswitch", "/opt/cni/bin", "/etc/cni/net.d"];
    expect(needed.filter((path) => !mounts.has(path))).toEqual([]);
    expect(pod.initContainers[0].volumeMounts.map(({ mountPath }) => mountPath)).toEqual([
      "/opt/cni/bin",
      "/etc/cni/net.d",
    ]);
  });

  test("gives the agent options that it has", () => {
    const file = (parse(config?.data["holdfast.yaml"] ?? "") as { agent: Record<string, unknown> }).agent;
    expect(Object.keys(file).filter((key) => !(key in agentOptions))).toEqual([]);
    expect(readOptions("agent", agentOptions, { file })).toMatchObject({ docker: false });
  });

  test("has its image from files that are there", () => {
    const lines = deploy("kubernetes/Dockerfile").split("\n");
    const made = lines.filter((line) => line.startsWith("RUN make ")).flatMap((line) => line.split(" ").slice(2));
    const makefile = readFileSync(`${root}/Makefile`, "utf8");
    expect(made.filter((target) => !makefile.includes(`\n${target}:`))).toEqual([]);
    expect(lines.at(-2)).toBe('ENTRYPOINT ["/opt/holdfast/bin/holdfast"]');
    expect(new Set(containers.map(({ image }) => image)).size).toBe(1);
  });
});
