import { resourceKindSchema, routes, type WatchEvent } from "@holdfast/model";
import { applyText } from "./apply/apply.ts";
import { type CommandDefinition, flag, text } from "./define-command.ts";
import { printList } from "./output/print.ts";

export const applyCommand: CommandDefinition = {
  name: "apply",
  summary:
    "Bring about what a file of one or several documents says; what it does not say stays. See docs/address-book.md.",
  options: [
    ["!-f, --file <file>", "YAML or JSON file; - reads standard input.", "file"],
    ["--dry-run", "Only say what would be done, and what would be refused."],
  ],
  examples: ["apply -f platform.yaml", "apply -f platform.yaml --dry-run", "apply -f - < platform.yaml"],
  async run(context, _, options) {
    const file = text(options, "file") ?? "";
    const dryRun = flag(options, "dryRun") ?? false;
    const done = await applyText(context, file, await context.io.readFile(file), dryRun);
    printList(context.io, context.output, done, {
      empty: "nothing to do",
      columns: [
        { title: "DOCUMENT", text: ({ document }) => document },
        { title: dryRun ? "WOULD BE" : "OUTCOME", text: ({ outcome }) => outcome },
        { title: "CHANGES", text: ({ changes }) => changes.join("; ") },
      ],
    });
  },
};

export const watchCommand: CommandDefinition = {
  name: "watch",
  summary: "Print every change as it happens, until interrupted.",
  args: [
    [
      "[kinds]",
      "Of tenant, network, claim, endpoint, node, operation, joined by commas. Absent: all.",
      resourceKindSchema.options,
    ],
  ],
  options: [["--revision <number>", "Changes after this revision. Absent: from now on."]],
  examples: ["watch", "watch claim,endpoint -o json"],
  async run(context, [kinds], options) {
    const { client, io, output, call, namedTenant } = context;
    const query = { kinds, tenant: namedTenant, revision: text(options, "revision") };
    for await (const event of client.stream(routes.watch, { query }, call)) {
      io.out(output === "table" ? eventLine(event) : `${JSON.stringify(event)}\n`);
    }
  },
};

function eventLine(event: WatchEvent): string {
  switch (event.type) {
    case "bookmark":
      return "";
    case "error":
      return `error ${event.problem.code}: ${event.problem.detail}\n`;
    case "delete":
      return `${event.revision}  delete  ${event.kind}  ${Object.values(event.key).join("/")}\n`;
    case "put":
      return `${event.revision}  put     ${event.kind}  ${objectName(event)}\n`;
  }
}

function objectName(event: Extract<WatchEvent, { type: "put" }>): string {
  switch (event.kind) {
    case "tenant":
    case "node":
      return event.object.name;
    case "operation": {
      const { id, operation, path, state } = event.object;
      return `${id}  ${operation}  ${path}  ${state}`;
    }
    case "network":
      return `${event.object.tenant}/${event.object.name}`;
    case "claim": {
      const { tenant, network, identity, addresses, binding } = event.object;
      return `${tenant}/${network}/${identity}  ${addresses.join(",")}  ${binding?.node ?? "unbound"}`;
    }
    case "endpoint": {
      const { id, identity, node, phase } = event.object;
      return `${id}  ${identity}  ${node}  ${phase}`;
    }
  }
}
