import { definedFields, HoldfastError } from "@holdfast/core";
import { type FlowAlarmPatch, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, type CommandOptions, flag, text, texts } from "../define-command.ts";
import { alarmText } from "../flows/alarm-text.ts";
import { printObject } from "../output/print.ts";
import { labelChange } from "./labels.ts";

/** Changes some terms of an alarm; what it watches, `create` says anew. */
export const updateAlarmCommand: CommandDefinition = {
  name: "update",
  summary:
    "Change terms of an alarm; what is not named stays, none takes away. What it has raised stays so until the next look, which goes by the new terms.",
  args: [["<name>", "Name of the alarm.", "alarm"]],
  options: [
    ["--above <value>", "Raised at this value and more: 100Mbit, 20k (packets/s), 5% or 2m, as it is what is watched."],
    ["--below <value>", "Raised at this value and less."],
    ["--for <duration>", "Raised when it has been so for so long."],
    ["--clear-at <value>", "Cleared on the other side of this value; none: of the value that raises it."],
    ["--clear-for <duration>", "Cleared when it has been there for so long."],
    ["--over <duration>", "Time over which rates and shares are taken, 10s to 1h."],
    ["--webhook <url>", "Told with an HTTP POST; none: nobody is told. A secret stays as it is."],
    ["--webhook-secret-file <file>", "File with a secret that signs messages; - reads standard input.", "file"],
    ["--description <text>", "For people; none: no text."],
    ["--label <key=value...>", "Labels; they replace the former ones."],
    ["--disabled", "Watch nothing; what is raised is cleared."],
    ["--enabled", "Watch again."],
  ],
  examples: [
    "flows alarms update busy --above 600Mbit --clear-at 500Mbit",
    "flows alarms update flood --for 2m --clear-for 5m -t shop",
    "flows alarms update no-name --webhook https://hooks.example.com/y",
    "flows alarms update deaf --disabled",
  ],
  async run(context, [alarm = ""], options) {
    const { client, call, io, output, namedTenant: tenant } = context;
    const body = { ...termsChange(options), ...(await webhookChange(context, options)) };
    if (Object.keys(body).length === 0)
      throw new HoldfastError("invalid_argument", "say what is to change, e.g. --above 600Mbit");
    await client.call(routes.updateFlowAlarm, { params: { alarm }, query: { tenant }, body }, call);
    const found = await client.call(routes.getFlowAlarm, { params: { alarm }, query: { tenant } }, call);
    printObject(io, output, found, alarmText(found, io.now()));
  },
};

function termsChange(options: CommandOptions): FlowAlarmPatch {
  const given = (name: string): string | undefined => text(options, name);
  const [above, below] = [given("above"), given("below")];
  if (above !== undefined && below !== undefined)
    throw new HoldfastError("invalid_argument", "say either --above or --below");
  if (flag(options, "enabled") && flag(options, "disabled"))
    throw new HoldfastError("invalid_argument", "say either --enabled or --disabled");
  const when = above === undefined ? "below" : "above";
  const level = above ?? below;
  const isSwitched = flag(options, "enabled") || flag(options, "disabled");
  return {
    ...(level === undefined ? {} : { when }),
    ...part("raise", { at: level, for: given("for") }),
    ...part("clear", { at: orNull(given("clearAt")), for: given("clearFor") }),
    ...definedFields({ over: given("over"), description: orNull(given("description")) }),
    ...(isSwitched ? { enabled: flag(options, "enabled") === true } : {}),
    ...labelChange(texts(options, "label")),
  };
}

async function webhookChange({ io }: Context, options: CommandOptions): Promise<Pick<FlowAlarmPatch, "webhook">> {
  const [url, file] = [orNull(text(options, "webhook")), text(options, "webhookSecretFile")];
  if (url === null && file !== undefined)
    throw new HoldfastError("invalid_argument", "--webhook-secret-file signs messages, and --webhook none sends none");
  if (url === null) return { webhook: null };
  return part("webhook", { url, secret: file === undefined ? undefined : (await io.readFile(file)).trim() });
}

/** `none` as what takes away. */
function orNull(given: string | undefined): string | null | undefined {
  return given === "none" ? null : given;
}

function part(name: string, fields: Readonly<Record<string, unknown>>): object {
  const given = definedFields(fields);
  return Object.keys(given).length === 0 ? {} : { [name]: given };
}
