import { errorText, MacAddress } from "@holdfast/core";
import { type CsvRecord, invalidLine, parseCsv } from "./csv.ts";
import { type BadRow, type ImportRow, type ImportRows, importedLabels } from "./row.ts";

/** Titles of columns by what they mean; case and spaces do not matter. */
const COLUMNS = {
  address: ["address", "ip", "ip_address", "ipaddress"],
  name: ["identity", "name", "dns_name", "hostname"],
  network: ["network", "vrf"],
  tenant: ["tenant"],
  mac: ["mac", "mac_address"],
  description: ["description", "comment", "comments"],
  labels: ["labels"],
  status: ["status"],
} as const;
type Column = keyof typeof COLUMNS;

/**
 * Addresses of a CSV file with a line of titles; only `address` must be there. `labels` are `key=value`, joined by commas or semicolons. A bad row
 * is told with its line, and the others go on.
 *
 * @throws HoldfastError `invalid_argument` when the file as a whole cannot be read.
 */
export function csvRows(text: string): ImportRows {
  const [head, ...records] = parseCsv(text);
  if (head === undefined)
    throw invalidLine(1, "the file is empty; its first line names the columns, e.g. address,name");
  const columns = columnsOf(head);
  const rows: ImportRow[] = [];
  const bad: BadRow[] = [];
  for (const record of records) {
    const place = `line ${record.line}`;
    const value = (column: Column): string | undefined => record.fields[columns.get(column) ?? -1] || undefined;
    const address = (value("address") ?? "").replace(/\/\d+$/, "");
    try {
      checkCount(record, head);
      const name = value("name");
      const network = value("network");
      const tenant = value("tenant");
      const mac = value("mac");
      const facts = {
        mac: mac === undefined ? undefined : macOf(mac),
        description: value("description"),
        status: value("status"),
      };
      rows.push({
        place,
        address,
        ...(name === undefined ? {} : { name }),
        ...(network === undefined ? {} : { network }),
        ...(tenant === undefined ? {} : { tenant }),
        labels: { ...importedLabels(facts), ...labelsIn(value("labels") ?? "") },
      });
    } catch (error) {
      bad.push({ place, address, why: errorText(error).replace(/^line \d+: /, "") });
    }
  }
  return { rows, bad };
}

/** With colons, hyphens, dots or nothing between its digits. */
function macOf(text: string): MacAddress {
  const digits = text.toLowerCase().replaceAll(/[:.-]/g, "");
  return MacAddress.parse(/^[0-9a-f]{12}$/.test(digits) ? digits.replaceAll(/(..)(?=.)/g, "$1:") : text);
}

function columnsOf(head: CsvRecord): ReadonlyMap<Column, number> {
  const columns = new Map<Column, number>();
  for (const [index, title] of head.fields.entries()) {
    const word = title.trim().toLowerCase().replaceAll(/[ -]/g, "_");
    const column = (Object.keys(COLUMNS) as Column[]).find((one) => (COLUMNS[one] as readonly string[]).includes(word));
    if (column === undefined) continue;
    if (columns.has(column)) throw invalidLine(head.line, `two columns are the ${column}: ${head.fields.join(", ")}`);
    columns.set(column, index);
  }
  if (columns.has("address")) return columns;
  throw invalidLine(head.line, `no column is named address; there is ${head.fields.join(", ")}`);
}

function checkCount({ line, fields }: CsvRecord, head: CsvRecord): void {
  if (fields.length === head.fields.length) return;
  throw invalidLine(line, `${fields.length} fields where the first line has ${head.fields.length}`);
}

function labelsIn(text: string): Record<string, string> {
  const pairs = text.split(/[,;]/).filter((pair) => pair.trim() !== "");
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf("=");
      if (equals < 1) throw new TypeError(`label ${JSON.stringify(pair.trim())} is not key=value`);
      return [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()] as const;
    }),
  );
}
