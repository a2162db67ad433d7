import { join, resolve } from "node:path";

/** Where a platform on this machine keeps its things. Everything hangs below `root`, which tests move. */
export interface Places {
  readonly command: string;
  readonly run: string;
  readonly log: string;
  readonly state: string;
  readonly switchRun: string;
  readonly switchState: string;
  readonly engineSocket: string;
  /** Where configurations of runtimes that speak CNI are. */
  readonly cniConfigs: string;
}

export const repository = resolve(import.meta.dirname, "../../../..");

export const machinePlaces: Places = {
  command: join(repository, "bin/holdfast"),
  run: "/run/holdfast",
  log: "/var/log/holdfast",
  state: "/var/lib/holdfast",
  switchRun: "/var/run/openvswitch",
  switchState: "/var/lib/holdfast/openvswitch",
  engineSocket: "/var/run/docker.sock",
  cniConfigs: "/etc/cni/net.d",
};

export const pidFileOf = (places: Places, name: string): string => join(places.run, `${name}.pid`);
export const logFileOf = (places: Places, name: string): string => join(places.log, `${name}.log`);
export const switchSocket = (places: Places): string => join(places.switchRun, "db.sock");
