import { isHoldfastError } from "@holdfast/core";
import { Command, CommanderError, Option } from "commander";
import { completeWords, completionScript } from "./completion.ts";
import { DEFAULT_SERVER } from "./context.ts";
import { type CommandDefinition, createCommand, createNoun } from "./define-command.ts";
import type { CliIo } from "./io.ts";
import { addressSetCommands } from "./nouns/address-set.ts";
import { claimCommands } from "./nouns/claim.ts";
import { endpointCommands } from "./nouns/endpoint.ts";
import { flowCommands } from "./nouns/flows.ts";
import { groupCommands } from "./nouns/group.ts";
import { ipCommands } from "./nouns/ip.ts";
import { ledgerCommands } from "./nouns/ledger.ts";
import { networkCommands } from "./nouns/network.ts";
import { nodeCommands } from "./nouns/node.ts";
import { operationCommands } from "./nouns/operation.ts";
import { policyCommands } from "./nouns/policy.ts";
import { qosCommands } from "./nouns/qos.ts";
import { subnetCommands } from "./nouns/subnet.ts";
import { tenantCommands } from "./nouns/tenant.ts";
import { exportFormats, outputFormats } from "./output/print.ts";
import { applyCommand, watchCommand } from "./top-commands.ts";

/** Exit codes: 0 done, 1 failed, 2 usage. */
export type ExitCode = 0 | 1 | 2;

/** Adds programs of the machine (`up`, `agent`, …) to the command tree. */
export type ProgramExtension = (program: Command) => void;

/** Runs one command line, e.g. `["network", "list"]`. Errors are printed, never thrown. */
export async function runCli(
  argv: readonly string[],
  io: CliIo,
  extend: ProgramExtension = () => undefined,
): Promise<ExitCode> {
  const program = createProgram(io);
  extend(program);
  try {
    if (argv[0] === "__complete") {
      const words = await completeWords(program, argv.slice(1), io);
      io.out(words.map((word) => `${word}\n`).join(""));
      return 0;
    }
    await program.parseAsync([...argv], { from: "user" });
    return 0;
  } catch (error) {
    return report(error, io);
  }
}

function createProgram(io: CliIo): Command {
  const program = new Command("holdfast")
    .description("Every container gets its own routable IP address, and keeps it for life, wherever it drifts.")
    .addOption(new Option("--server <url>", `A controller. Also HOLDFAST_SERVER. Default: ${DEFAULT_SERVER}.`))
    .addOption(new Option("--token <token>", "Bearer token. Also HOLDFAST_TOKEN."))
    .addOption(new Option("-t, --tenant <name>", "Also HOLDFAST_TENANT. Absent: default; for lists: all."))
    .addOption(
      new Option("-o, --output <format>", "How results are printed.").choices([...outputFormats, ...exportFormats]),
    )
    .showHelpAfterError("(holdfast --help and holdfast COMMAND --help tell more)");
  for (const [name, summary, commands] of NOUNS) program.addCommand(createNoun(name, summary, commands, io));
  program.addCommand(createCommand(applyCommand, io));
  program.addCommand(createCommand(watchCommand, io));
  program
    .command("completion")
    .argument("<shell>", "bash, zsh or fish")
    .description("Print the shell's completion code; for bash: source <(holdfast completion bash)")
    .action((shell: string) => io.out(completionScript(shell)));
  return governed(program, io);
}

/** Adds a noun of the machine's own to the command tree, e.g. `cni`, that takes options and prints as all others do. */
export function addNoun(
  program: Command,
  [name, summary, commands]: readonly [name: string, summary: string, commands: readonly CommandDefinition[]],
  io: CliIo,
): void {
  const noun = createNoun(name, summary, commands, io);
  program.addCommand(noun);
  noun.copyInheritedSettings(program);
  governed(noun, io);
}

const NOUNS = [
  ["tenant", "Isolation domains.", tenantCommands],
  ["network", "Layer-2 domains of a tenant.", networkCommands],
  ["subnet", "Prefixes of a network.", subnetCommands],
  ["claim", "Identities and their addresses.", claimCommands],
  ["endpoint", "Attachments of containers.", endpointCommands],
  ["group", "Claims that rules speak of together.", groupCommands],
  ["address-set", "Named prefixes and addresses, for rules.", addressSetCommands],
  ["policy", "Who may talk to whom.", policyCommands],
  ["qos", "Limits, marks and guarantees for endpoints.", qosCommands],
  ["node", "Machines that run an agent.", nodeCommands],
  ["operation", "What is done later.", operationCommands],
  ["ip", "What is known of an address.", ipCommands],
  ["flows", "Sampled traffic.", flowCommands],
  ["ledger", "What happened to addresses.", ledgerCommands],
] as const;

/** Options of the program may stand anywhere; nothing ends the process; texts go where `io` says. */
function governed(command: Command, io: CliIo): Command {
  command.exitOverride().configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) });
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    if (child.commands.length === 0 && child.parent !== null) {
      for (const option of rootOf(child).options) {
        if (
          child.options.every(
            (own) => own.long !== option.long && (own.short === undefined || own.short !== option.short),
          )
        ) {
          child.addOption(new Option(option.flags, option.description).hideHelp());
        }
      }
    }
    governed(child, io);
  }
  return command;
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}

function report(error: unknown, io: CliIo): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (io.signal.aborted) return 1;
  if (isHoldfastError(error)) {
    const { field, requestId } = error.details;
    const named = field === undefined || error.message.includes(String(field));
    // The controller's log says more of what only it can know.
    const request = error.code === "internal" && requestId !== undefined ? ` (request ${requestId})` : "";
    io.err(`holdfast: ${named ? "" : `${field}: `}${error.message}${request}\n`);
    return 1;
  }
  io.err(`holdfast: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
}
