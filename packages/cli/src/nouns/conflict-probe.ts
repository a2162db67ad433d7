import { formatDuration, HoldfastError, parseDuration } from "@holdfast/core";
import { conflictProbeSchema, type Network } from "@holdfast/model";
import { type CommandDefinition, type CommandOptions, text } from "../define-command.ts";

/** `network create` and `network update`. */
export const probeOptions: NonNullable<CommandDefinition["options"]> = [
  [
    "--conflict-probe [time]",
    "Before an address is used for the first time, ask for it in the VLAN for so long; one that a machine outside has goes into quarantine. Absent time: 300ms.",
  ],
  ["--quarantine <duration>", "With --conflict-probe: how long quarantine lasts. Absent: until it is released."],
];

/** What the options say of it; nothing when they say nothing. @throws HoldfastError `invalid_argument`. */
export function conflictProbeOf(options: CommandOptions) {
  const given = options.conflictProbe as string | boolean | undefined;
  const quarantine = text(options, "quarantine");
  if (given === undefined && quarantine !== undefined) {
    throw new HoldfastError("invalid_argument", "--quarantine goes with --conflict-probe; add it");
  }
  if (given === undefined) return {};
  if (given === false) return { conflictProbe: null };
  const parsed = conflictProbeSchema.safeParse({
    ...(given === true ? {} : { milliseconds: parseDuration(given) }),
    ...(quarantine === undefined ? {} : { quarantineSeconds: Math.round(parseDuration(quarantine) / 1000) }),
  });
  if (parsed.success) return { conflictProbe: parsed.data };
  const [issue] = parsed.error.issues;
  const option = issue?.path[0] === "quarantineSeconds" ? `--quarantine ${quarantine}` : `--conflict-probe ${given}`;
  throw new HoldfastError("invalid_argument", `${option}: ${issue?.message}`);
}

export function conflictProbeText({ conflictProbe }: Network): string {
  if (conflictProbe === undefined) return "no";
  const { probes, milliseconds, quarantineSeconds } = conflictProbe;
  const end =
    quarantineSeconds === undefined ? "until it is released" : `for ${formatDuration(quarantineSeconds * 1000)}`;
  return `${probes} times in ${milliseconds} ms before first use; quarantine ${end}`;
}
