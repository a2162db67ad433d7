import { spawnSync } from "node:child_process";

/** Docker's own bridge, and the names that begin all its chains. */
const BRIDGE = "docker0";
const OURS = /\bDOCKER\b|\bDOCKER-|\bdocker0\b/;

/** The policy of `FORWARD` in the text of iptables-save(8); `ACCEPT` when it says nothing. */
export function forwardPolicy(saved: string): string {
  return /^:FORWARD (ACCEPT|DROP)/m.exec(saved)?.[1] ?? "ACCEPT";
}

/** The text of iptables-save(8) without Docker's chains, the rules about them and its bridge, and with `FORWARD` as it was before. */
export function withoutDocker(saved: string, policy: string): string {
  return saved
    .split("\n")
    .filter((line) => !OURS.test(line))
    .map((line) => line.replace(/^:FORWARD (ACCEPT|DROP)/, `:FORWARD ${policy}`))
    .join("\n");
}

/** What `FORWARD` does before dockerd is started, for {@link removeEngineTraces}. */
export function observeForwardPolicy(): string {
  return forwardPolicy(output("iptables-save"));
}

/** dockerd leaves its bridge and its rules when it ends: removes both from a machine that had no dockerd before. Absent things are no error. */
export function removeEngineTraces(policy: string): void {
  const saved = output("iptables-save");
  if (OURS.test(saved)) spawnSync("iptables-restore", [], { input: withoutDocker(saved, policy) });
  spawnSync("ip", ["link", "delete", BRIDGE], { stdio: "ignore" });
}

function output(program: string): string {
  return spawnSync(program, [], { encoding: "utf8" }).stdout ?? "";
}
