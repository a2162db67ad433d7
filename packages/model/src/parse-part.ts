import { HoldfastError } from "@holdfast/core";
import type { z } from "zod";

/**
 * A part of a request as its route has it; undefined when the route has none.
 *
 * @param part what it is called when it is wrong altogether, e.g. `"query"`
 * @throws HoldfastError `invalid_argument`, naming the field
 */
export function parsePart(schema: z.ZodType | undefined, value: unknown, part: string): unknown {
  if (schema === undefined) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = [...(issue?.path ?? []), ...(unknown === undefined ? [] : [unknown])].map(String);
  const field = path.join(".") || part;
  const message = unknown === undefined ? (issue?.message ?? "not valid") : "there is no such field";
  throw new HoldfastError("invalid_argument", `${field}: ${message}`, { details: { field } });
}
