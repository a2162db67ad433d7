import { HoldfastError } from "@holdfast/core";

/** `invalid_argument` about what somebody has asked for or told; `field` names it, e.g. `"by"`, `"on.kind"`. */
export function refused(field: string, why: string): HoldfastError {
  return new HoldfastError("invalid_argument", `${field}: ${why}`, { details: { field } });
}
