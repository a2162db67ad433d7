export type { Reached } from "./atomic-file.ts";
export { comeBefore } from "./config-directory.ts";
export { conflistText, type FoundConflist, type Installation, readConflist, statusConfig } from "./conflist.ts";
export { type InstallOptions, planInstall, planUninstall } from "./install.ts";
export { PLUGIN, pluginSteps, readPlugin } from "./plugin-file.ts";
export { type FoundInstallation, planRefresh, readInstallations } from "./refresh.ts";
export { carryOut, type Step } from "./steps.ts";
