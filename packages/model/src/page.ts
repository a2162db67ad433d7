import { z } from "zod";
import { nameField, revisionField } from "./fields.ts";

/** A page of a list, in name order; `continue` is there when more may follow. A page looks at a bounded number, so that it may be short, or empty, all the same. */
export function pageOf<T extends z.ZodType>(item: T, id: string) {
  return z
    .strictObject({
      items: z.array(item),
      /** Watch from here to miss nothing. */
      revision: revisionField,
      continue: z.string().optional(),
    })
    .meta({ id });
}

/** Query texts to numbers; at most 1000 items a page. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(1000).default(200),
  /** `continue` of the page before. */
  continue: z.string().max(1000).optional(),
};

/** `env=prod,team=web`: all must be there. */
export const selectorField = z
  .string()
  .max(1000)
  .optional()
  .meta({ examples: ["env=prod,tier=cache"] });

export const tenantParams = z.strictObject({ tenant: nameField });
export const networkParams = z.strictObject({ tenant: nameField, network: nameField });
