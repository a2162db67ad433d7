import { HoldfastError } from "@holdfast/core";
import type { Context } from "../context.ts";
import { type CommandDefinition, type CommandOptions, flag, text, texts } from "../define-command.ts";
import { carryOut, type ImportOutcome, networksOf } from "../import/carry-out.ts";
import { csvRows } from "../import/csv-rows.ts";
import { netboxRows } from "../import/netbox-rows.ts";
import { planImport } from "../import/plan.ts";
import type { ImportRows } from "../import/row.ts";
import { machineText } from "../output/print.ts";
import { formatTable } from "../output/table.ts";

const FORMATS: Readonly<Record<string, (text: string) => ImportRows>> = { csv: csvRows, netbox: netboxRows };

function formatOf(options: CommandOptions, file: string): (text: string) => ImportRows {
  const name = text(options, "format") ?? (file.endsWith(".json") ? "netbox" : "csv");
  const read = FORMATS[name];
  if (read !== undefined) return read;
  throw new HoldfastError("invalid_argument", `--format ${name} is none of ${Object.keys(FORMATS).join(", ")}`);
}

function mapOf(options: CommandOptions): ReadonlyMap<string, string> {
  const pairs = texts(options, "map").map((pair) => {
    const [, from, to] = /^(.+)=([a-z0-9-]*(?:\/[a-z0-9-]+)?)$/.exec(pair) ?? [];
    if (from === undefined || to === undefined || to === "") {
      throw new HoldfastError(
        "invalid_argument",
        `--map ${pair} is not NAME=TENANT, NAME=TENANT/NETWORK or NAME=/NETWORK`,
      );
    }
    return [from, to] as const;
  });
  return new Map(pairs);
}

async function importFile(context: Context, file: string, options: CommandOptions): Promise<void> {
  const { io, output } = context;
  const map = mapOf(options);
  const rows = rowsIn(file, await io.readFile(file), formatOf(options, file));
  const networks = await networksOf(context);
  const plan = planImport(rows, { networks, tenant: context.namedTenant, network: text(options, "network"), map });
  const terms = {
    source: (file === "-" ? "standard input" : (file.split("/").at(-1) ?? file)).slice(0, 200),
    dryRun: flag(options, "dryRun") ?? false,
    skipConflicts: flag(options, "skipConflicts") ?? false,
  };
  const outcomes = await carryOut(context, plan, terms);
  const count = (wanted: ImportOutcome["outcome"]): number =>
    outcomes.filter(({ outcome }) => outcome === wanted).length;
  const [conflicts, undone] = [count("conflict"), count("not done")];
  if (output === "table") io.out(reportText(outcomes, terms.dryRun));
  else io.out(machineText(output, { items: outcomes }));
  if (conflicts === 0 && undone === 0) return;
  if (terms.skipConflicts && !terms.dryRun) return;
  const nothing = terms.dryRun ? "nothing was changed" : "nothing was imported; --skip-conflicts imports the others";
  throw new HoldfastError("conflict", `${conflicts} of ${outcomes.length} cannot be imported; ${nothing}`);
}

function rowsIn(file: string, content: string, read: (text: string) => ImportRows): ImportRows {
  try {
    return read(content);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    throw new HoldfastError(error.code, `${file}: ${error.message}`, { details: error.details });
  }
}

/** Every row of a trial; afterwards only those that somebody has to look at. And how many there were of each kind. */
function reportText(outcomes: readonly ImportOutcome[], dryRun: boolean): string {
  const shown = dryRun ? outcomes : outcomes.filter(({ outcome }) => outcome === "conflict");
  const imported = dryRun ? "would be imported" : "imported";
  const table = formatTable(
    [
      { title: "ROW", text: ({ places }) => places.join(", ") },
      { title: "ADDRESS", text: ({ addresses }) => addresses.join(",") },
      { title: "IDENTITY", text: ({ identity }) => identity },
      { title: "NETWORK", text: ({ network }) => network },
      { title: "OUTCOME", text: ({ outcome }) => (outcome === "imported" ? imported : outcome) },
      { title: "WHY", text: ({ detail }) => detail },
    ],
    shown,
  );
  const kinds = ["imported", "unchanged", "conflict", "not done"] as const;
  const counts = kinds.flatMap((kind) => {
    const number = outcomes.filter(({ outcome }) => outcome === kind).length;
    if (number === 0 && kind !== "imported") return [];
    return `${number} ${kind === "imported" ? imported : kind}`;
  });
  return `${shown.length === 0 ? "" : `${table}\n`}${outcomes.length === 0 ? "no addresses in the file" : counts.join(", ")}\n`;
}

export const ipImportCommand: CommandDefinition = {
  name: "import",
  summary: "Take over the addresses of another address book, each as a reserved claim.",
  args: [
    [
      "<file>",
      "CSV with a column address, or NetBox's /api/ipam/ip-addresses/ as JSON; - reads standard input.",
      "file",
    ],
  ],
  options: [
    ["--format <format>", "csv or netbox. Absent: netbox for names that end in .json, else csv."],
    [
      "-n, --network <name>",
      "Where all go. Absent: as the file says, else where a subnet covers the address.",
      "network",
    ],
    ["--map <from=to...>", "From a tenant, VRF or network of the file to TENANT, TENANT/NETWORK or /NETWORK."],
    ["--dry-run", "Only say what would be done with each row."],
    ["--skip-conflicts", "Import what can be; without it, nothing is imported when anything is in the way."],
  ],
  examples: [
    "ip import hosts.csv --network web --dry-run",
    "ip import netbox.json --map 'Blue Team=blue' --map prod-vrf=blue/web",
    "ip import hosts.csv --skip-conflicts -o json",
  ],
  run: (context, [file = ""], options) => importFile(context, file, options),
};
