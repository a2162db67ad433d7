import { listAll } from "@holdfast/client";
import { HoldfastError } from "@holdfast/core";
import { type FlowAlarmState, type NewFlowAlarm, type NewFlowAlarmInput, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, type CommandOptions, flag, text, texts } from "../define-command.ts";
import { alarmColumns, alarmText, eventColumns, testText } from "../flows/alarm-text.ts";
import { byOption, filterArgument, filterOf } from "../flows/ask.ts";
import { printList, printObject } from "../output/print.ts";
import { updateAlarmCommand } from "./flow-alarm-change.ts";
import { parseLabels } from "./labels.ts";

const NAME = ["<name>", "Name of the alarm.", "alarm"] as const;
const KINDS = ["rate", "share", "unattributed", "drops", "denied", "silent"] as const;
const STATES = ["ok", "pending", "firing", "unknown", "disabled"] as const;
const USUAL_EVENTS = 50;

export const alarmCommands: readonly CommandDefinition[] = [
  {
    name: "create",
    aliases: ["set"],
    summary:
      "Make an alarm, or make the one of that name what is said. With -t it is the tenant's, and sees his traffic.",
    args: [["<name>", "Name of the alarm, a DNS label.", "none"], filterArgument],
    options: [
      [
        "--on <kind>",
        "rate, share (of the traffic that the filter means), unattributed, drops (of ports, packets/s), denied (by policies, packets/s), or silent (exporters). Absent: rate.",
        KINDS,
      ],
      ["--measure <measure>", "bytes (bit/s) or packets. Absent: bytes.", ["bytes", "packets"]],
      byOption("all traffic is one"),
      ["--over <duration>", "Time over which rates and shares are taken, 10s to 1h. Absent: 1m."],
      [
        "--above <value>",
        "Raised at this value and more: 100Mbit, 20k (packets/s), 5% or 2m, as it is what is watched.",
      ],
      ["--below <value>", "Raised at this value and less."],
      ["--for <duration>", "Raised when it has been so for so long. Absent: at once."],
      ["--clear-at <value>", "Cleared on the other side of this value. Absent: of the value that raises it."],
      ["--clear-for <duration>", "Cleared when it has been there for so long. Absent: at once."],
      ["--webhook <url>", "Told with an HTTP POST when it is raised and cleared, until it answers 2xx."],
      [
        "--webhook-secret-file <file>",
        "File with a secret that signs messages (HMAC-SHA256, Standard Webhooks); - reads standard input.",
        "file",
      ],
      ["--description <text>", "For people; comes with every message."],
      ["--label <key=value...>", "A label; may be repeated."],
      ["--disabled", "Keep it, and watch nothing."],
    ],
    examples: [
      "flows alarms create busy --by identity --above 500Mbit --for 1m --clear-at 400Mbit --clear-for 2m",
      "flows alarms create flood network=web direction=ingress --measure packets --by identity --above 50k -t shop",
      "flows alarms create strangers peer.prefix=- --on share --above 20% --over 5m",
      "flows alarms create no-name --on unattributed --above 5% --for 5m --webhook https://hooks.example.com/x",
      "flows alarms create deaf --on silent --above 2m --webhook http://10.0.0.9:8080/ --webhook-secret-file key",
      "flows alarms create scanned --on denied --above 100 --for 2m -t shop",
      "flows alarms create losing --on drops --above 10 --for 1m -t shop",
      "flows alarms create quiet identity=feed-0 --below 10kbit --over 5m",
    ],
    run: createAlarm,
  },
  updateAlarmCommand,
  {
    name: "list",
    aliases: ["ls"],
    summary: "List alarms and how they are: all, or a tenant's.",
    options: [["--state <state>", `Only those that are ${STATES.join(", ")}.`, STATES]],
    examples: ["flows alarms list", "flows alarms list --state firing -o json", "flows alarms list -t shop"],
    async run({ client, call, io, output, namedTenant: tenant }, _, options) {
      const state = text(options, "state") as FlowAlarmState | undefined;
      const items = await Array.fromAsync(listAll(client, routes.listFlowAlarms, { query: { tenant, state } }, call));
      printList(io, output, items, {
        empty:
          state === undefined
            ? "no alarms; make one: holdfast flows alarms create busy --by identity --above 500Mbit --for 1m"
            : `no alarm is ${state}`,
        columns: alarmColumns(io.now()),
      });
    },
  },
  {
    name: "show",
    aliases: ["get"],
    summary: "Show an alarm, with each group that is raised or about to be.",
    args: [NAME],
    examples: ["flows alarms show busy", "flows alarms show flood -t shop -o yaml"],
    async run({ client, call, io, output, namedTenant: tenant }, [alarm = ""]) {
      const found = await client.call(routes.getFlowAlarm, { params: { alarm }, query: { tenant } }, call);
      printObject(io, output, found, alarmText(found, io.now()));
    },
  },
  {
    name: "history",
    summary: "What alarms did, the newest first.",
    args: [["[name]", "Name of an alarm. Absent: all.", "alarm"]],
    options: [["--limit <number>", `How many. Absent: ${USUAL_EVENTS}.`]],
    examples: ["flows alarms history", "flows alarms history busy --limit 10", "flows alarms history -t shop -o json"],
    async run({ client, call, io, output, namedTenant: tenant }, [alarm], options) {
      const limit = text(options, "limit") ?? String(USUAL_EVENTS);
      const { items } = await client.call(routes.flowAlarmHistory, { query: { tenant, alarm, limit } }, call);
      printList(io, output, items, { empty: "nothing has happened", columns: eventColumns(io.now()) });
    },
  },
  {
    name: "test",
    summary: "Say what an alarm sees now, and send its webhook a test message, once. Nothing is changed.",
    args: [NAME],
    examples: ["flows alarms test busy", "flows alarms test flood -t shop -o json"],
    async run({ client, call, io, output, namedTenant: tenant }, [alarm = ""]) {
      const told = await client.call(routes.testFlowAlarm, { params: { alarm }, query: { tenant } }, call);
      printObject(io, output, told, testText(told));
    },
  },
  {
    name: "delete",
    aliases: ["rm"],
    summary: "Delete an alarm; what it has raised is cleared, its history stays as long as there is room.",
    args: [NAME],
    examples: ["flows alarms delete busy", "flows alarms delete flood -t shop"],
    async run({ client, call, io, namedTenant: tenant }, [alarm = ""]) {
      await client.call(routes.deleteFlowAlarm, { params: { alarm }, query: { tenant } }, call);
      io.out(`alarm ${alarm} deleted\n`);
    },
  },
];

async function createAlarm(
  context: Context,
  [alarm = "", ...words]: readonly string[],
  options: CommandOptions,
): Promise<void> {
  const { client, call, io, output, namedTenant: tenant } = context;
  const body = { ...termsOf(options, filterOf(words)), ...(await webhookOf(context, options)) };
  const made = await client.call(routes.putFlowAlarm, { params: { alarm }, query: { tenant }, body }, call);
  printObject(
    io,
    output,
    made,
    `alarm ${made.name} is set; holdfast flows alarms test ${made.name} says what it sees\n`,
  );
}

/** What the flags say; the controller knows what is wrong with it. */
function termsOf(options: CommandOptions, filter: string | undefined): NewFlowAlarmInput {
  const given = (name: string): string | undefined => text(options, name);
  const [above, below] = [given("above"), given("below")];
  if ((above === undefined) === (below === undefined))
    throw new HoldfastError("invalid_argument", "say either --above or --below, e.g. --above 100Mbit");
  const kind = given("on") ?? "rate";
  const traffic = { filter, by: given("by"), measure: given("measure") };
  const hasTraffic = Object.values(traffic).some((value) => value !== undefined);
  const on = kind === "rate" || kind === "share" || hasTraffic ? { kind, ...traffic } : { kind };
  return {
    on: on as NewFlowAlarm["on"],
    over: given("over"),
    when: above === undefined ? "below" : "above",
    raise: { at: above ?? below ?? "", for: given("for") },
    clear: { at: given("clearAt"), for: given("clearFor") },
    enabled: flag(options, "disabled") !== true,
    description: given("description"),
    labels: parseLabels(texts(options, "label")),
  };
}

async function webhookOf({ io }: Context, options: CommandOptions): Promise<Pick<NewFlowAlarmInput, "webhook">> {
  const [url, file] = [text(options, "webhook"), text(options, "webhookSecretFile")];
  if (url === undefined && file === undefined) return {};
  if (url === undefined)
    throw new HoldfastError("invalid_argument", "--webhook-secret-file signs messages: --webhook says where they go");
  const secret = file === undefined ? undefined : (await io.readFile(file)).trim();
  return { webhook: { url, secret } };
}
