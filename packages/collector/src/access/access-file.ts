import { readFileSync } from "node:fs";
import { errorText, HoldfastError } from "@holdfast/core";

/** The first line of a file that has a password or key. @throws HoldfastError `invalid_argument`, naming the option */
export function secretIn(option: string, file: string): string {
  const [secret = ""] = readAccessFile(option, file).split(/\r?\n/, 1);
  if (secret === "") throw refusedOption(option, `the first line of ${file} is empty`);
  return secret;
}

/** @throws HoldfastError `invalid_argument`, naming the option */
export function readAccessFile(option: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw refusedOption(option, `cannot read ${file}: ${errorText(error)}`);
  }
}

export function refusedOption(option: string, why: string): HoldfastError {
  return new HoldfastError("invalid_argument", `--${option}: ${why}`, { details: { field: option } });
}
