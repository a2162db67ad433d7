import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** As the collector asks for when nobody says otherwise; the peers get the same. */
export const BUFFER_BYTES = 32 * 1024 * 1024;

/** A program that takes sFlow on a port of loopback. */
export interface ReceiverProgram {
  readonly name: string;
  readonly argv: readonly string[];
}

export function ownReceiver(port: number): ReceiverProgram {
  const program = join(import.meta.dirname, "own-receiver.ts");
  return {
    name: "receive, decode, attribute, add up",
    argv: [process.execPath, program, String(port), String(BUFFER_BYTES)],
  };
}

/** nfdump's collector; it writes its files to memory. */
export function sfcapd(port: number, folder: string): ReceiverProgram {
  const flows = join(folder, "sfcapd");
  mkdirSync(flows);
  return {
    name: "peer: sfcapd",
    argv: quiet("sfcapd", "-b", "127.0.0.1", "-p", String(port), "-w", flows, "-B", String(BUFFER_BYTES), "-t", "60"),
  };
}

/** pmacct's; it adds up in memory by what we add up by as well. */
export function sfacctd(port: number, folder: string): ReceiverProgram {
  const file = join(folder, "sfacctd.conf");
  const settings = {
    daemonize: "false",
    sfacctd_ip: "127.0.0.1",
    sfacctd_port: port,
    plugins: "memory",
    aggregate: "peer_src_ip, in_iface, src_mac, dst_mac, vlan, src_host, dst_host, src_port, dst_port, proto",
    imt_path: join(folder, "sfacctd.pipe"),
    imt_mem_pools_number: 4096,
    imt_mem_pools_size: 1024 * 1024,
    logfile: join(folder, "sfacctd.log"),
    plugin_pipe_size: 64 * 1024 * 1024,
    plugin_buffer_size: 64 * 1024,
    sfacctd_pipe_size: BUFFER_BYTES,
  };
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key}: ${value}\n`)
      .join(""),
  );
  return { name: "peer: sfacctd", argv: quiet("sfacctd", "-f", file) };
}

/** What programs tell of their start is nothing for the table. */
function quiet(...argv: readonly string[]): readonly string[] {
  return ["sh", "-c", 'exec "$@" 2> /dev/null', "sh", ...argv];
}
