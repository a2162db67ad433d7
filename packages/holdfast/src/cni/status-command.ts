import { agentOptions } from "@holdfast/agent/config";
import { type CommandDefinition, printList, text } from "@holdfast/cli";
import { readPlugin } from "@holdfast/cni-plugin/install";
import { HoldfastError } from "@holdfast/core";
import { BUILT_PLUGIN, placeOptions, placesOf } from "./places.ts";
import { installationStatus } from "./status.ts";

export const statusCommand: CommandDefinition = {
  name: "status",
  summary: "Show whether container runtimes of this machine can use the CNI plugin, and what to do if not.",
  options: [
    ...placeOptions,
    ["--socket <path>", `The agent's socket. Default: ${agentOptions.cniSocket.fallback}.`, "file"],
  ],
  examples: ["cni status", "cni status -o json"],
  async run({ io, output }, _, options) {
    const socket = text(options, "socket") ?? agentOptions.cniSocket.fallback ?? "";
    const places = { ...placesOf(options), socket, now: io.now().getTime() };
    const checks = await installationStatus(await readPlugin(BUILT_PLUGIN), places);
    printList(io, output, checks, {
      empty: "",
      columns: [
        { title: "WHAT", text: ({ check }) => check },
        { title: "STATE", text: ({ state }) => state },
        { title: "DETAIL", text: ({ detail }) => detail },
      ],
    });
    const wrong = checks.filter(({ state }) => state !== "ok");
    if (wrong.length === 0) return;
    const names = [...new Set(wrong.map(({ check }) => check))].join(", ");
    throw new HoldfastError("unavailable", `runtimes cannot use the plugin as it is: ${names}`);
  },
};
