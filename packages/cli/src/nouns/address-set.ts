import { listAll } from "@holdfast/client";
import { type AddressSet, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, text, texts } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { formatDetails } from "../output/table.ts";
import { ageText, labelText } from "../output/words.ts";
import { labelChange, parseLabels } from "./labels.ts";

const details = ({ io }: Context, set: AddressSet): string =>
  formatDetails([
    ["name", set.name],
    ["tenant", set.tenant],
    ["entries", String(set.size)],
    ["labels", labelText(set.labels)],
    ["age", ageText(set.createdAt, io.now())],
  ]);

const NAME = ["<name>", "Name of the address set.", "address-set"] as const;
const LABELS = ["-l, --label <key=value...>", "Labels."] as const;
const FILE = [
  "-f, --file <file>",
  "A prefix or address per line; - reads standard input; # begins a comment.",
  "file",
] as const;

export const addressSetCommands: readonly CommandDefinition[] = [
  {
    name: "create",
    summary: "Create a named set of prefixes and addresses, for rules; up to 100,000.",
    args: [
      ["<name>", "Name of the set, a DNS label.", "none"],
      ["[entries...]", "Prefixes and addresses.", "none"],
    ],
    options: [FILE, LABELS],
    examples: ["address-set create partners 192.0.2.0/24 198.51.100.7", "address-set create blocked -f blocked.txt"],
    async run(context, [name = "", ...given], options) {
      const entries = [...given.map(asPrefix), ...(await entriesOf(context, text(options, "file")))];
      const body = { name, entries, labels: parseLabels(texts(options, "label")) };
      const made = await context.client.call(
        routes.createAddressSet,
        { params: { tenant: context.tenant }, body },
        context.call,
      );
      printObject(
        context.io,
        context.output,
        made,
        `address set ${made.tenant}/${made.name} created with ${made.size} entries\n`,
      );
    },
  },
  {
    name: "list",
    aliases: ["ls"],
    summary: "List address sets, of all tenants or of one.",
    examples: ["address-set list"],
    async run({ client, call, io, output, namedTenant: tenant }) {
      const items = await Array.fromAsync(listAll(client, routes.listAddressSets, { query: { tenant } }, call));
      printList(io, output, items, {
        empty: "no address sets; make one: holdfast address-set create partners 192.0.2.0/24",
        columns: [
          { title: "TENANT", text: (set) => set.tenant },
          { title: "NAME", text: (set) => set.name },
          { title: "ENTRIES", text: (set) => String(set.size) },
          { title: "AGE", text: (set) => ageText(set.createdAt, io.now()) },
        ],
      });
    },
  },
  {
    name: "get",
    aliases: ["show"],
    summary: "Show one address set; with --entries, what is in it.",
    args: [NAME],
    options: [["--entries", "Its entries, a line each."]],
    examples: ["address-set get partners", "address-set get partners --entries"],
    async run(context, [set = ""], options) {
      const { client, call, io, output, tenant } = context;
      const params = { tenant, set };
      if (options.entries === true) {
        const items = await Array.fromAsync(listAll(client, routes.listSetEntries, { params }, call));
        printList(io, output, items, {
          empty: `address set ${tenant}/${set} is empty`,
          columns: [{ title: "ENTRY", text: (entry) => entry }],
        });
        return;
      }
      const found = await client.call(routes.getAddressSet, { params }, call);
      printObject(io, output, found, details(context, found));
    },
  },
  {
    name: "update",
    summary: "Add and remove entries; the others stay.",
    args: [NAME],
    options: [
      ["--add <entry...>", "Prefixes and addresses to add."],
      ["--remove <entry...>", "Prefixes and addresses to remove."],
      ["-f, --file <file>", "More to add, a line each; - reads standard input.", "file"],
      LABELS,
    ],
    examples: ["address-set update partners --add 203.0.113.0/24 --remove 198.51.100.7"],
    async run(context, [set = ""], options) {
      const add = [...texts(options, "add").map(asPrefix), ...(await entriesOf(context, text(options, "file")))];
      const body = { add, remove: texts(options, "remove").map(asPrefix), ...labelChange(texts(options, "label")) };
      const request = { params: { tenant: context.tenant, set }, body };
      const changed = await context.client.call(routes.updateAddressSet, request, context.call);
      printObject(context.io, context.output, changed, details(context, changed));
    },
  },
  {
    name: "delete",
    aliases: ["rm"],
    summary: "Delete an address set that no policy names.",
    args: [NAME],
    examples: ["address-set delete partners"],
    async run({ client, call, io, tenant }, [set = ""]) {
      await client.call(routes.deleteAddressSet, { params: { tenant, set } }, call);
      io.out(`address set ${tenant}/${set} deleted\n`);
    },
  },
];

async function entriesOf({ io }: Context, file: string | undefined): Promise<string[]> {
  if (file === undefined) return [];
  const lines = (await io.readFile(file)).split("\n").map((line) => line.replace(/#.*/, "").trim());
  return lines.filter((line) => line !== "").map(asPrefix);
}

/** An address is a prefix of its full length. */
function asPrefix(text: string): string {
  if (text.includes("/")) return text;
  return `${text}/${text.includes(":") ? 128 : 32}`;
}
