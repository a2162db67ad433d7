import { errorText, HoldfastError } from "@holdfast/core";
import { type Network, networkRetentionSchema, parseRetention, type Retention } from "@holdfast/model";
import type { CommandDefinition, CommandOptions } from "../define-command.ts";
import { retentionText } from "../output/words.ts";

/** `claim create` and `claim update`. */
export const RETENTIONS = ["reserved", "sticky:", "ephemeral"];
export const RETENTION_HELP =
  "reserved: until released by hand; sticky:TIME: that long after detach; ephemeral: gone with the endpoint.";

/** `network create` and `network update`. */
export const networkRetentionOption: NonNullable<CommandDefinition["options"]>[number] = [
  "--retention <retention>",
  "Workloads that their runtime names get a claim, a pod as NAMESPACE/NAME. sticky:TIME: kept that long after detach; reserved: until released by hand.",
  ["sticky:", "reserved"],
];

/** The value of `--retention`. @throws HoldfastError `invalid_argument`. */
export function retentionOf(value: string): Retention {
  try {
    return parseRetention(value);
  } catch (cause) {
    throw new HoldfastError("invalid_argument", `--retention ${errorText(cause)}`, { cause });
  }
}

/** `--retention` and `--no-retention` of a network, as a request says it. @throws HoldfastError `invalid_argument`. */
export function networkRetentionOf(options: CommandOptions): { retention?: NonNullable<Network["retention"]> | null } {
  const given = options.retention as string | boolean | undefined;
  if (given === undefined || given === true) return {};
  if (given === false) return { retention: null };
  const parsed = networkRetentionSchema.safeParse(retentionOf(given));
  if (parsed.success) return { retention: parsed.data };
  const text = `--retention ${given}: a network's is sticky:TIME or reserved; --no-retention is what ephemeral would be`;
  throw new HoldfastError("invalid_argument", text);
}

export function networkRetentionText({ retention }: Network): string {
  return retention === undefined ? "named workloads get no claims" : `named workloads: ${retentionText(retention)}`;
}
