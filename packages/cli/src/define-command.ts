import { Command } from "commander";
import { type Context, contextOf } from "./context.ts";
import type { CliIo } from "./io.ts";
import { runDetached, runLater } from "./later.ts";
import { outputFormats } from "./output/print.ts";

/** Names that the shell completes from the controller, or just these words. */
export type Completes =
  | readonly string[]
  | "tenant"
  | "network"
  | "subnet"
  | "claim"
  | "endpoint"
  | "node"
  | "operation"
  | "group"
  | "address-set"
  | "policy"
  | "qos"
  | "block"
  | "alarm"
  | "file"
  | "none";

/** One command as data. */
export interface CommandDefinition {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** `["<identity>", "Name of the workload.", "claim"]`. */
  readonly args?: readonly (readonly [syntax: string, description: string, completes: Completes])[];
  /** `["--network <name>", "…", "network"]`; a `!` before the dashes makes it mandatory; one that ends in `...` may be repeated. */
  readonly options?: readonly (readonly [flags: string, description: string, completes?: Completes])[];
  /** Takes `--async` and `--detach`: what it asks for may be done later. */
  readonly async?: true;
  /** Lines after `Examples:`. */
  readonly examples: readonly string[];
  /** What `--output` may be. Absent: table, json and yaml. */
  readonly formats?: readonly string[];
  readonly run: (context: Context, args: readonly string[], options: CommandOptions) => Promise<void>;
}

/** Parsed flags by name in camel case. */
export type CommandOptions = Readonly<Record<string, unknown>>;

export const text = (options: CommandOptions, name: string): string | undefined => options[name] as string | undefined;
export const texts = (options: CommandOptions, name: string): readonly string[] =>
  (options[name] as string[] | undefined) ?? [];
export const flag = (options: CommandOptions, name: string): boolean | undefined =>
  options[name] as boolean | undefined;

/** What a commander command completes, kept beside it. */
export const completions = new WeakMap<Command, Readonly<Record<string, Completes>>>();

export function createCommand(definition: CommandDefinition, io: CliIo): Command {
  const command = new Command(definition.name).description(definition.summary).aliases(definition.aliases ?? []);
  const completes: Record<string, Completes> = {};
  for (const [index, [syntax, description, kind]] of (definition.args ?? []).entries()) {
    command.argument(syntax, description);
    completes[String(index)] = kind;
  }
  for (const [flags, description, kind] of definition.options ?? []) {
    if (flags.startsWith("!")) command.requiredOption(flags.slice(1), description);
    else command.option(flags, description);
    completes[/--[a-z-]+/.exec(flags)?.[0] ?? ""] = kind ?? "none";
  }
  if (definition.async === true) {
    command.option("--async", "Have it done as an operation and follow that: interrupted, it goes on.");
    command.option("--detach", "Have it done as an operation, print that and do not wait.");
  }
  completions.set(command, completes);
  command.addHelpText("after", `\nExamples:\n${definition.examples.map((line) => `  holdfast ${line}\n`).join("")}`);
  command.action(async () => {
    checkFormat(command, definition.formats ?? outputFormats);
    const context = contextOf(command, io);
    const run = (within: Context) => definition.run(within, command.args, command.opts());
    if (flag(command.opts(), "detach") === true) await runDetached(context, run);
    else if (flag(command.opts(), "async") === true) await runLater(context, run);
    else await run(context);
  });
  return command;
}

function checkFormat(command: Command, formats: readonly string[]): void {
  const { output }: { output?: string } = command.optsWithGlobals();
  if (output === undefined || formats.includes(output)) return;
  command.error(`error: --output ${output} is not for this command; it prints ${formats.join(", ")}`);
}

/** Commands about one thing, e.g. `flows alarms`. */
export interface NounDefinition {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly CommandDefinition[];
}

export function createNoun(
  name: string,
  summary: string,
  commands: readonly (CommandDefinition | NounDefinition)[],
  io: CliIo,
): Command {
  const noun = new Command(name).description(summary);
  for (const one of commands) {
    noun.addCommand("commands" in one ? createNoun(one.name, one.summary, one.commands, io) : createCommand(one, io));
  }
  return noun;
}
