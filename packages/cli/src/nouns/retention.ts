import { HoldfastError, parseDuration } from "@holdfast/core";
import { type Network, networkRetentionSchema, type Retention } from "@holdfast/model";
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

/** `reserved`, `ephemeral` or `sticky:30m`. @throws HoldfastError `invalid_argument`. */
export function parseRetention(value: string): Retention {
  if (value === "reserved" || value === "ephemeral") return { kind: value };
  const time = /^sticky:(.+)$/.exec(value)?.[1];
  if (time !== undefined) return { kind: "sticky", ttlSeconds: Math.round(parseDuration(time) / 1000) };
  throw new HoldfastError("invalid_argument", `--retention ${value} is none of reserved, sticky:TIME, ephemeral`);
}

/** `--retention` and `--no-retention` of a network, as a request says it. @throws HoldfastError `invalid_argument`. */
export function networkRetentionOf(options: CommandOptions): { retention?: NonNullable<Network["retention"]> | null } {
  const given = options.retention as string | boolean | undefined;
  if (given === undefined || given === true) return {};
  if (given === false) return { retention: null };
  const parsed = networkRetentionSchema.safeParse(parseRetention(given));
  if (parsed.success) return { retention: parsed.data };
  const text = `--retention ${given}: a network's is sticky:TIME or reserved; --no-retention is what ephemeral would be`;
  throw new HoldfastError("invalid_argument", text);
}

export function networkRetentionText({ retention }: Network): string {
  return retention === undefined ? "named workloads get no claims" : `named workloads: ${retentionText(retention)}`;
}
