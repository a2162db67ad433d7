import { listAll } from "@holdfast/client";
import { HoldfastError } from "@holdfast/core";
import { routes } from "@holdfast/model";
import type { Command, Option } from "commander";
import { type Context, contextOf } from "./context.ts";
import { type Completes, completions } from "./define-command.ts";
import type { CliIo } from "./io.ts";

/** The shell code that asks this program for words. */
export function completionScript(shell: string): string {
  switch (shell) {
    case "bash":
      return `_holdfast() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(holdfast __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
  [ \${#COMPREPLY[@]} -eq 0 ] && COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _holdfast holdfast
`;
    case "zsh":
      return `#compdef holdfast
_holdfast() {
  local -a words_found
  words_found=(\${(f)"$(holdfast __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( \${#words_found} )); then compadd -a words_found; else _files; fi
}
compdef _holdfast holdfast
`;
    case "fish":
      return `complete -c holdfast -a '(holdfast __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`;
    default:
      throw new HoldfastError("invalid_argument", `no completion for ${shell}; there is bash, zsh and fish`);
  }
}

/** The words that may stand where the last of `words` is being typed. */
export async function completeWords(program: Command, words: readonly string[], io: CliIo): Promise<string[]> {
  const typed = words.at(-1) ?? "";
  const { command, positions } = descend(program, words.slice(0, -1));
  const candidates = await candidatesFor(command, words, positions, io);
  return candidates.filter((word) => word.startsWith(typed)).sort();
}

function descend(program: Command, words: readonly string[]): { command: Command; positions: number } {
  let command = program;
  let positions = 0;
  for (const word of words) {
    const next = command.commands.find((candidate) => candidate.name() === word || candidate.aliases().includes(word));
    if (next !== undefined) [command, positions] = [next, 0];
    else if (!word.startsWith("-")) positions++;
  }
  return { command, positions };
}

async function candidatesFor(
  command: Command,
  words: readonly string[],
  positions: number,
  io: CliIo,
): Promise<string[]> {
  const typed = words.at(-1) ?? "";
  const option = optionsOf(command).find(({ long, short }) => [long, short].includes(words.at(-2) ?? ""));
  const known = completions.get(command) ?? {};
  if (option !== undefined && (option.required || option.optional)) {
    return names(option.argChoices ?? known[option.long ?? ""], command, words, io);
  }
  if (typed.startsWith("-")) return [...command.options.flatMap((candidate) => candidate.long ?? []), "--help"];
  if (command.commands.length > 0)
    return command.commands.map((candidate) => candidate.name()).filter((name) => !name.startsWith("__"));
  const last = command.registeredArguments.length - 1;
  const argument = command.registeredArguments[last]?.variadic === true ? Math.min(positions, last) : positions;
  return names(known[String(argument)], command, words, io);
}

/** Its own and those of all commands above it, which stand hidden among its own. */
function optionsOf(command: Command | null): readonly Option[] {
  if (command === null) return [];
  return [...command.options.filter(({ hidden }) => !hidden), ...optionsOf(command.parent)];
}

async function names(
  kind: Completes | undefined,
  command: Command,
  words: readonly string[],
  io: CliIo,
): Promise<string[]> {
  if (kind === undefined || kind === "none" || kind === "file") return [];
  if (typeof kind !== "string") return [...kind];
  const base = contextOf(command, io);
  const signal = AbortSignal.any([io.signal, AbortSignal.timeout(1000)]);
  const tenant = givenFor(words, "--tenant", "-t") ?? base.namedTenant;
  try {
    return await namesOf(kind, { ...base, namedTenant: tenant, call: { signal } }, givenFor(words, "--network", "-n"));
  } catch {
    return [];
  }
}

function givenFor(words: readonly string[], ...flags: readonly string[]): string | undefined {
  const at = words.findIndex((word) => flags.includes(word));
  return at < 0 ? undefined : words[at + 1];
}

async function namesOf(
  kind: Exclude<Completes, readonly string[]>,
  context: Context,
  network: string | undefined,
): Promise<string[]> {
  const { client, call, namedTenant: tenant } = context;
  const pick = async <T>(items: AsyncIterable<T>, name: (item: T) => string) =>
    (await Array.fromAsync(items)).slice(0, 500).map(name);
  switch (kind) {
    case "tenant":
      return pick(listAll(client, routes.listTenants, {}, call), (item) => item.name);
    case "alarm":
      return pick(listAll(client, routes.listFlowAlarms, { query: { tenant } }, call), (item) => item.name);
    case "network":
      return pick(listAll(client, routes.listNetworks, { query: { tenant } }, call), (item) => item.name);
    case "subnet": {
      const networks = listAll(client, routes.listNetworks, { query: { tenant: tenant ?? context.tenant } }, call);
      const named = (await Array.fromAsync(networks)).filter(({ name }) => network === undefined || name === network);
      return named.flatMap(({ subnets }) => subnets.map(({ prefix }) => prefix as string)).slice(0, 500);
    }
    case "claim":
      return pick(listAll(client, routes.listClaims, { query: { tenant, network } }, call), (item) => item.identity);
    case "endpoint":
      return pick(listAll(client, routes.listEndpoints, { query: { tenant } }, call), (item) => item.id);
    case "block":
      return pick(listAll(client, routes.listBlocks, { query: { tenant } }, call), (item) => item.prefix);
    case "operation":
      return pick(listAll(client, routes.listOperations, { query: { tenant } }, call), (item) => item.id);
    case "group":
      return pick(listAll(client, routes.listGroups, { query: { tenant } }, call), (item) => item.name);
    case "address-set":
      return pick(listAll(client, routes.listAddressSets, { query: { tenant } }, call), (item) => item.name);
    case "policy":
      return pick(listAll(client, routes.listPolicies, { query: { tenant } }, call), (item) => item.name);
    case "qos":
      return pick(listAll(client, routes.listQosProfiles, { query: { tenant } }, call), (item) => item.name);
    case "node":
      return pick(listAll(client, routes.listNodes, {}, call), (item) => item.name);
    case "file":
    case "none":
      return [];
  }
}
