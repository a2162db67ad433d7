import { agentOptions } from "@holdfast/agent/config";
import { addNoun, type CliIo } from "@holdfast/cli";
import { collectorOptions } from "@holdfast/collector/config";
import { controllerOptions } from "@holdfast/controller/config";
import { flagName, type OptionDefinitions } from "@holdfast/core";
import type { Command } from "commander";
import { cniCommands } from "../cni/commands.ts";
import { sflowCommands } from "../sflow/commands.ts";
import { VERSION } from "../version.ts";

/**
 * The programs of a machine beside the commands that talk to a controller. Each is loaded when it is asked for.
 * `--server` and `--token` are options of the whole command line, so that programs read them with the global ones.
 */
export function addPrograms(
  program: Command,
  world: { readonly io: CliIo; readonly interrupted: AbortController },
): void {
  const { io } = world;
  program.version(VERSION, "--version", "Print the version.");
  addOptions(
    program.command("controller").description("Run a controller in the foreground."),
    controllerOptions,
  ).action(async (flags: Record<string, string>) => (await import("./controller.ts")).runController(flags));
  addOptions(program.command("agent").description("Run this machine's agent in the foreground."), agentOptions).action(
    async (_: unknown, command: Command) => (await import("./agent.ts")).runAgent(command.optsWithGlobals()),
  );
  addOptions(
    program.command("collector").description("Run a collector of sFlow in the foreground."),
    collectorOptions,
  ).action(async (_: unknown, command: Command) =>
    (await import("./collector.ts")).runCollector(command.optsWithGlobals()),
  );
  program
    .command("up")
    .description(
      "Run the whole platform on this machine, in the background. What is not said is as it was since it went up; --uplink '' forgets one.",
    )
    .option("--uplink <interface>", "Trunk interface that carries the company's VLANs. Absent: networks are local.")
    .option("--tunnel-address <address>", "Where other nodes send VXLAN packets to, e.g. 192.168.50.11/24.")
    .option("--datapath <datapath>", "kernel: only networks of kind routed, and no Open vSwitch. Absent: both.")
    .option("--node-address <addresses>", "Where other nodes route packets to, one address of each family.")
    .option("--flows <on|off>", "Sample containers' traffic, and run a collector for it. Absent: on, or as it was.")
    .action(async (flags: Record<string, string>) => {
      const { up } = await import("./up.ts");
      await up({ flags, server: "http://127.0.0.1:4653", print: (line) => io.out(`${line}\n`) });
    });
  program
    .command("down")
    .description("End what `up` started and remove what it made on this machine. The address book stays.")
    .option("--purge", "Remove the address book as well: every claim is forgotten.")
    .action(async (flags: { purge?: boolean }) => {
      const { down } = await import("./down.ts");
      await down({ purge: flags.purge ?? false, print: (line) => io.out(`${line}\n`) });
    });
  addNoun(program, ["sflow", "Datagrams of sFlow as they came: save them, read them again.", sflowCommands], io);
  addNoun(program, ["cni", "The plugin for container runtimes on this machine.", cniCommands], io);
  program
    .command("lab", { hidden: false })
    .description("Simulated hosts on this machine: holdfast lab --help")
    .helpOption(false)
    .allowUnknownOption()
    .argument("[words...]")
    .action(async (words: string[]) => {
      process.exitCode = await (await import("./lab.ts")).runLab(words, world);
    });
  program
    .command("load-programs", { hidden: true })
    .description(
      "Fill Node's compile cache: a program that strips its own types keeps 30 MiB more for as long as it runs.",
    )
    .action(async () => {
      await Promise.all([
        import("./controller.ts"),
        import("./agent.ts"),
        import("./collector.ts"),
        import("./up.ts"),
        import("./lab.ts"),
      ]);
    });
  program
    .command("options-page", { hidden: true })
    .description("Print docs/configuration.md.")
    .action(async () => io.out((await import("./options-page.ts")).optionsPage()));
}

function addOptions(command: Command, definitions: OptionDefinitions): Command {
  command.option("--config <file>", "Configuration file. Also HOLDFAST_CONFIG.");
  for (const [name, { placeholder, description, fallback }] of Object.entries(definitions)) {
    const value = placeholder === "" ? "" : ` <${placeholder.toLowerCase().replaceAll("/", "-")}>`;
    const help = fallback === undefined ? description : `${description} Default: ${fallback}.`;
    command.option(`${flagName(name)}${value}`, help);
    if (placeholder === "" && fallback === "true") command.option(`--no-${flagName(name).slice(2)}`);
  }
  return command;
}
