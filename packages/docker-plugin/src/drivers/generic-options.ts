import { HoldfastError } from "@holdfast/core";

/** The label under which the `-o` options of `docker network create` arrive. */
const GENERIC_LABEL = "com.docker.network.generic";

/** The `-o` options. @throws HoldfastError `invalid_argument`. */
export function genericOptions(options: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const generic = options[GENERIC_LABEL];
  if (generic === undefined || generic === null) return {};
  if (typeof generic !== "object") throw new HoldfastError("invalid_argument", `${GENERIC_LABEL} is no map`);
  return Object.fromEntries(Object.entries(generic).map(([name, value]) => [name, String(value)]));
}
