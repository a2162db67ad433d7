import { existsSync, readFileSync } from "node:fs";
import { errorText, HoldfastError, type OptionDefinitions, type OptionValues, readOptions } from "@holdfast/core";
import { parse } from "yaml";

const CONFIGURATION_FILES = ["holdfast.yaml", "/etc/holdfast/holdfast.yaml"];

/** A configuration file: one section per program. */
export type Configuration = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

/**
 * The file named by `--config` or `HOLDFAST_CONFIG`, else the first of `./holdfast.yaml` and `/etc/holdfast/holdfast.yaml` that exists, else
 * nothing.
 *
 * @throws HoldfastError `invalid_argument` when the named file is missing or a file is no YAML mapping.
 */
export function readConfiguration(named: string | undefined): Configuration {
  const path = named ?? CONFIGURATION_FILES.find((candidate) => existsSync(candidate));
  if (path === undefined) return {};
  try {
    const content: unknown = parse(readFileSync(path, "utf8")) ?? {};
    if (typeof content !== "object" || Array.isArray(content)) throw new TypeError("the top level is no mapping");
    return content as Configuration;
  } catch (error) {
    throw new HoldfastError("invalid_argument", `configuration file ${path}: ${errorText(error)}`, { cause: error });
  }
}

/** The options of one program from its flags, the environment and the configuration file. */
export function readSettings<D extends OptionDefinitions>(
  section: string,
  definitions: D,
  flags: Readonly<Record<string, string | undefined>>,
): OptionValues<D> {
  const { config, ...own } = flags;
  const file = readConfiguration(config ?? process.env.HOLDFAST_CONFIG)[section] ?? {};
  return readOptions(section, definitions, { flags: own, environment: process.env, file });
}
