export { type RunningOvs, type StartOvsOptions, startOvs } from "./start-ovs.ts";
