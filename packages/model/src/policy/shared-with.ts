import { z } from "zod";
import { nameField } from "../fields.ts";

/** With whom something is shared: tenants whose rules may name it. */
export const sharedWithField = z
  .array(nameField)
  .max(256)
  .meta({ description: "Tenants whose rules may name it.", examples: [["billing"]] });
