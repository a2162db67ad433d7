import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { type Clock, errorText, HoldfastError } from "@holdfast/core";
import { createJsonRpc, RpcError } from "./json-rpc.ts";

/** Milliseconds of silence after which ovs-vswitchd is asked for a sign of life; it does not know the question, and says so. */
const PROBE_INTERVAL = 30_000;

/** Where to ask ovs-vswitchd what it tells neither by OVSDB nor by OpenFlow; see ovs-vswitchd(8), "Runtime Management Commands". */
export interface SwitchControl {
  /**
   * What `ovs-appctl METHOD ARGUMENTS…` would print.
   *
   * @param onSent called when the question is on its way: a later one is not heard before it.
   * @throws HoldfastError `unavailable`: nobody answers; `switch_rejected`: it does not know the command, or the command failed.
   */
  ask(method: string, args: readonly string[], signal: AbortSignal, onSent?: () => void): Promise<string>;
}

/** By the socket that ovs-vswitchd has in its run folder, e.g. `/run/openvswitch/ovs-vswitchd.1234.ctl`. */
export function createSwitchControl({ clock }: { readonly clock: Clock }, runDirectory: string): SwitchControl {
  return {
    async ask(method, args, signal, onSent) {
      const socket = await openSocket(runDirectory, signal);
      const rpc = createJsonRpc({ clock }, socket, { probeInterval: PROBE_INTERVAL, onNotification: () => {} });
      try {
        const answer = rpc.request(method, args, signal);
        onSent?.();
        return String(await answer);
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        throw new HoldfastError("switch_rejected", `ovs-vswitchd refused ${method}: ${error.error}`);
      } finally {
        rpc.close();
      }
    },
  };
}

/** Its name has the process id, unless it was told another one. */
async function openSocket(runDirectory: string, signal: AbortSignal): Promise<Socket> {
  const pid = await readFile(`${runDirectory}/ovs-vswitchd.pid`, "utf8").catch(() => "");
  const names = [...(pid === "" ? [] : [`ovs-vswitchd.${pid.trim()}.ctl`]), "ovs-vswitchd.ctl"];
  let failure: unknown;
  for (const name of names) {
    const socket = connect(`${runDirectory}/${name}`);
    try {
      await once(socket, "connect", { signal });
      return socket;
    } catch (error) {
      socket.destroy();
      signal.throwIfAborted();
      failure = error;
    }
  }
  throw new HoldfastError("unavailable", `ovs-vswitchd does not answer in ${runDirectory}: ${errorText(failure)}`);
}
