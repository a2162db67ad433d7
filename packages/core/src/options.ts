import { parseDuration } from "./duration.ts";
import { HoldfastError } from "./errors.ts";

/**
 * One option of a program, defined once: the flag `--node-timeout`, the variable `HOLDFAST_CONTROLLER_NODE_TIMEOUT`, the key
 * `controller: { nodeTimeout: … }` of `holdfast.yaml`, the help and the documentation all come from it.
 */
export interface OptionDefinition<T = unknown> {
  /** One sentence with unit and meaning of absence. */
  readonly description: string;
  /** How it is written, e.g. `"ADDRESS"`; empty for a switch. */
  readonly placeholder: string;
  /** As a person would write it; undefined: absent. */
  readonly fallback: string | undefined;
  /** @throws HoldfastError `invalid_argument`. */
  readonly parse: (text: string) => T;
}

/** A program's options by name in camel case. */
export type OptionDefinitions = Readonly<Record<string, OptionDefinition>>;

/** The values of a set of options. */
export type OptionValues<D extends OptionDefinitions> = {
  readonly [K in keyof D]: D[K] extends OptionDefinition<infer T> ? T : never;
};

/** Where option texts come from; earlier wins. */
export interface OptionSources {
  /** True: a flag without a value. */
  readonly flags?: Readonly<Record<string, string | boolean | undefined>>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly file?: Readonly<Record<string, unknown>>;
}

/** Builders of definitions: `option.text(…)`, `option.integer(…)`. */
export const option = {
  text(description: string, placeholder: string, fallback: string): OptionDefinition<string> {
    return { description, placeholder, fallback, parse: (text) => text };
  },
  optional<T>(description: string, placeholder: string, parse: (text: string) => T): OptionDefinition<T | undefined> {
    return { description, placeholder, fallback: undefined, parse };
  },
  value<T>(
    description: string,
    placeholder: string,
    fallback: string,
    parse: (text: string) => T,
  ): OptionDefinition<T> {
    return { description, placeholder, fallback, parse };
  },
  integer(description: string, fallback: number, range: { min: number; max: number }): OptionDefinition<number> {
    return { description, placeholder: "NUMBER", fallback: String(fallback), parse: (text) => integerIn(text, range) };
  },
  /** Milliseconds. */
  duration(description: string, fallback: string): OptionDefinition<number> {
    return { description, placeholder: "DURATION", fallback, parse: parseDuration };
  },
  flag(description: string, fallback = false): OptionDefinition<boolean> {
    return { description, placeholder: "", fallback: String(fallback), parse: parseBoolean };
  },
};

/**
 * Reads a program's options. `section` names the program, e.g. `"controller"`.
 *
 * @throws HoldfastError `invalid_argument`, naming the option, where its value came from, and unknown keys of the file.
 */
export function readOptions<D extends OptionDefinitions>(
  section: string,
  definitions: D,
  sources: OptionSources,
): OptionValues<D> {
  for (const key of Object.keys(sources.file ?? {})) {
    if (!Object.hasOwn(definitions, key)) {
      throw new HoldfastError("invalid_argument", `${section}.${key} in the configuration file is no option`);
    }
  }
  const values = Object.entries(definitions).map(([name, definition]) => [
    name,
    readOption(section, name, definition, sources),
  ]);
  return Object.fromEntries(values) as OptionValues<D>;
}

/** `("controller", "nodeTimeout")` gives `HOLDFAST_CONTROLLER_NODE_TIMEOUT`. */
export function environmentName(section: string, name: string): string {
  return `HOLDFAST_${section}_${name.replace(/[A-Z]/g, (letter) => `_${letter}`)}`.toUpperCase().replaceAll("-", "_");
}

/** `"nodeTimeout"` gives `--node-timeout`. */
export function flagName(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function readOption(section: string, name: string, definition: OptionDefinition, sources: OptionSources): unknown {
  const variable = environmentName(section, name);
  const inFile = sources.file?.[name];
  const candidates: [string, string | undefined][] = [
    [flagName(name), scalarText(flagName(name), sources.flags?.[name])],
    [variable, sources.environment?.[variable]],
    [`${section}.${name} in the configuration file`, scalarText(`${section}.${name}`, inFile)],
    ["default", definition.fallback],
  ];
  const [origin, text] = candidates.find(([, value]) => value !== undefined) ?? [];
  if (text === undefined) return undefined;
  try {
    return definition.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new HoldfastError("invalid_argument", `${origin}: ${reason}`, { cause: error });
  }
}

function scalarText(key: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return `${value}`;
  throw new HoldfastError(
    "invalid_argument",
    `${key} in the configuration file is neither text, number nor true or false`,
  );
}

function integerIn(text: string, range: { min: number; max: number }): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || value < range.min || value > range.max) {
    throw new HoldfastError("invalid_argument", `${JSON.stringify(text)} is not between ${range.min} and ${range.max}`);
  }
  return value;
}

function parseBoolean(text: string): boolean {
  if (text === "true" || text === "") return true;
  if (text === "false") return false;
  throw new HoldfastError("invalid_argument", `${JSON.stringify(text)} is neither true nor false`);
}
