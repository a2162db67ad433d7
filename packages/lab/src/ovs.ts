import { isAlive } from "./process-ref.ts";
import type { LabSpace } from "./space.ts";

const SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";
const DATABASE = "/etc/openvswitch/conf.db";
const SERVER = ["ovsdb-server", DATABASE, "--remote=punix:/run/openvswitch/db.sock"];
const SWITCHD = ["ovs-vswitchd", "unix:/run/openvswitch/db.sock"];

/**
 * Starts the Open vSwitch of a space: `ovsdb-server` and `ovs-vswitchd`, as a Debian package would: database under
 * `/etc/openvswitch`, sockets and pid files under `/run/openvswitch`. What runs already is left alone; an existing database is
 * kept, so this is also how it comes back after a crash.
 *
 * Both are ready when their start returns: a daemon of OVS goes into the background once it can serve (ovs-vswitchd(8), --detach).
 */
export async function startOvs(space: LabSpace, signal: AbortSignal): Promise<void> {
  await startOvsdbServer(space, signal);
  await startVswitchd(space, signal);
}

/** The names of the two processes, the one that depends on the other first. */
export const OVS_PROCESSES = ["ovs-vswitchd", "ovsdb-server"] as const;

async function startOvsdbServer(space: LabSpace, signal: AbortSignal): Promise<void> {
  const script = `set -e
[ -e ${DATABASE} ] || ovsdb-tool create ${DATABASE} ${SCHEMA}
${daemon(SERVER, "ovsdb-server")}
ovs-vsctl --no-wait init -- set Open_vSwitch . external_ids:system-id=${space.lab}-${space.name} external_ids:hostname=${space.name}`;
  await startDaemon(space, { name: "ovsdb-server", argv: SERVER, script }, signal);
}

async function startVswitchd(space: LabSpace, signal: AbortSignal): Promise<void> {
  await startDaemon(space, { name: "ovs-vswitchd", argv: SWITCHD, script: daemon(SWITCHD, "ovs-vswitchd") }, signal);
}

function daemon(argv: readonly string[], name: string): string {
  const files = `--pidfile=/run/openvswitch/${name}.pid --log-file=/run/log/${name}.log --unixctl=/run/openvswitch/${name}.ctl`;
  return `${argv.join(" ")} --detach --no-chdir ${files} -vconsole:off`;
}

async function startDaemon(
  space: LabSpace,
  { name, argv, script }: { readonly name: string; readonly argv: readonly string[]; readonly script: string },
  signal: AbortSignal,
): Promise<void> {
  const found = await space.process(name);
  if (found !== undefined && isAlive(found)) return;
  await space.exec(["/bin/sh", "-c", script], { signal });
  const { stdout } = await space.exec(["cat", `/run/openvswitch/${name}.pid`], { signal });
  await space.adopt(name, Number(stdout), argv);
}

/** Runs `ovs-vsctl` with these words in a space; gives what it prints. */
export async function vsctl(space: LabSpace, words: readonly string[], signal: AbortSignal): Promise<string> {
  return (await space.exec(["ovs-vsctl", "--timeout=10", ...words], { signal })).stdout.trim();
}
