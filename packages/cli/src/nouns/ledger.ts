import { listAll } from "@holdfast/client";
import { csvLine, HoldfastError } from "@holdfast/core";
import { type LedgerEntry, ledgerEventSchema, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, type CommandOptions, text } from "../define-command.ts";
import { momentText, parseMoment } from "../moment.ts";
import { exportFormats, printList } from "../output/print.ts";
import { ownersText } from "../output/words.ts";
import { exportEntries } from "./ledger-export.ts";

const filterOptions = [
  ["-n, --network <name>", "Only of this network.", "network"],
  ["--address <address>", "Only of this address."],
  ["--identity <identity>", "Only of this workload, also what was passed on from it or to it.", "claim"],
  ["--node <name>", "Only what happened on this node.", "node"],
  ["--event <event>", `Only ${ledgerEventSchema.options.join(", ")}.`, ledgerEventSchema.options],
] as const;

const TIME_HELP = "e.g. 2h, 'yesterday 14:05', 'tuesday 14:05', '2026-11-17 14:05', in this machine's time zone";
const MOST_LISTED = 1000;

function filterOf({ namedTenant, io }: Context, options: CommandOptions, times: { from?: string; to?: string }) {
  const event = text(options, "event");
  const known = ledgerEventSchema.options.find((one) => one === event);
  if (event !== undefined && known === undefined) {
    throw new HoldfastError("invalid_argument", `--event ${event} is none of ${ledgerEventSchema.options.join(", ")}`);
  }
  return {
    tenant: namedTenant,
    network: text(options, "network"),
    address: text(options, "address"),
    identity: text(options, "identity"),
    node: text(options, "node"),
    event: known,
    from: momentOf(times.from, io.now()),
    to: momentOf(times.to, io.now()),
  };
}

function momentOf(words: string | undefined, now: Date): string | undefined {
  return words === undefined ? undefined : parseMoment(words, now).toISOString();
}

async function list(context: Context, options: CommandOptions): Promise<void> {
  const { client, call, io, output } = context;
  const since = text(options, "since") ?? "24h";
  const until = text(options, "until");
  const query = filterOf(context, options, { from: since, ...(until === undefined ? {} : { to: until }) });
  const most = limitOf(options);
  const items: LedgerEntry[] = [];
  for await (const entry of listAll(client, routes.listLedger, { query }, call)) {
    if (items.push(entry) > most) break;
  }
  const from = momentText(parseMoment(since, io.now()));
  printList(io, output, items.slice(0, most), { empty: `nothing has happened since ${from}`, columns: COLUMNS });
  if (items.length > most && output === "table") {
    io.err(`only the first ${most} since ${from}; see more with --limit, or all with: holdfast ledger export\n`);
  }
}

function limitOf(options: CommandOptions): number {
  const limit = text(options, "limit");
  if (limit === undefined) return MOST_LISTED;
  if (/^[1-9]\d{0,6}$/.test(limit)) return Number(limit);
  throw new HoldfastError("invalid_argument", `--limit ${limit} is not a number from 1 to 9999999`);
}

const COLUMNS = [
  { title: "AT", text: ({ at }: LedgerEntry) => at },
  { title: "EVENT", text: ({ event }: LedgerEntry) => event },
  { title: "NETWORK", text: ({ tenant, network }: LedgerEntry) => `${tenant}/${network}` },
  { title: "ADDRESS", text: ({ address }: LedgerEntry) => address },
  { title: "IDENTITY", text: ownersText },
  { title: "NODE", text: ({ node }: LedgerEntry) => node ?? "" },
  { title: "BY", text: ({ actor }: LedgerEntry) => actor },
  { title: "REASON", text: ({ reason }: LedgerEntry) => reason ?? "" },
  { title: "REQUEST", text: ({ requestId }: LedgerEntry) => requestId ?? "" },
];

const EXPORTED = [
  "at",
  "event",
  "tenant",
  "network",
  "address",
  "identity",
  "node",
  "endpoint",
  "actor",
  "requestId",
  "reason",
  "formerIdentity",
  "formerEndpoint",
  "restsUntil",
  "count",
  "firstAt",
  "revision",
  "id",
] as const satisfies readonly (keyof LedgerEntry)[];

async function exportLedger(context: Context, options: CommandOptions): Promise<void> {
  const { io } = context;
  const format = context.exportFormat ?? "csv";
  const [from, to, after] = [text(options, "from"), text(options, "to"), text(options, "after")];
  const times = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  const query = { ...filterOf(context, options, times), after };
  if (format === "csv" && after === undefined) io.out(csvLine(EXPORTED));
  const { completeFrom } = await exportEntries(context, query, (entry) => {
    io.out(format === "csv" ? csvLine(EXPORTED.map((field) => entry[field])) : `${JSON.stringify(entry)}\n`);
  });
  if (from === undefined || parseMoment(from, io.now()) < new Date(completeFrom)) {
    io.err(`the ledger is complete from ${completeFrom} on\n`);
  }
}

export const ledgerCommands: readonly CommandDefinition[] = [
  {
    name: "list",
    aliases: ["ls"],
    summary: "What happened to addresses, oldest first.",
    options: [
      ["--since <time>", `From then on, ${TIME_HELP}. Absent: 24h.`],
      ["--until <time>", "Before then. Absent: until now."],
      ...filterOptions,
      ["--limit <number>", `At most this many. Absent: ${MOST_LISTED}.`],
    ],
    examples: [
      "ledger list --since 2h --network web",
      "ledger list --since 'yesterday 14:00' --until 'yesterday 15:00' --event refused",
      "ledger list --identity redis-0 --since 30d -o json",
    ],
    run: (context, _, options) => list(context, options),
  },
  {
    name: "export",
    summary: "Print all entries, or as filtered, one per line, however many there are: as csv, or with -o jsonl.",
    formats: exportFormats,
    options: [
      ["--from <time>", `From then on, ${TIME_HELP}. Absent: all that is kept.`],
      ["--to <time>", "Before then. Absent: until now."],
      ...filterOptions,
      ["--after <id>", "Go on behind the entry with this id, where an export broke off."],
    ],
    examples: [
      "ledger export > ledger.csv",
      "ledger export -o jsonl --network web --from '2026-11-01' --to '2026-12-01'",
    ],
    run: (context, _, options) => exportLedger(context, options),
  },
];
