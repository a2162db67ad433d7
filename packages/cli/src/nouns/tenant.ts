import { listAll } from "@holdfast/client";
import { routes, type Tenant, type TenantUsage } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, type CommandOptions, text, texts } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { formatDetails, formatTable } from "../output/table.ts";
import { ageText, labelText, usageColumns } from "../output/words.ts";
import { labelChange, parseLabels } from "./labels.ts";
import { policyDefaultOption, policyDefaultsOf, policyDefaultsText } from "./policy-defaults.ts";
import { parseQuotas, QUOTA_HELP, quotaText } from "./quotas.ts";

const details = ({ io }: Context, tenant: Tenant): string =>
  formatDetails([
    ["name", tenant.name],
    ["labels", labelText(tenant.labels)],
    ["quotas", quotaText(tenant.quotas)],
    ["policy default", policyDefaultsText(tenant.policyDefaults, "allow")],
    ["shared with", tenant.sharedWith?.join(", ") ?? ""],
    ["age", ageText(tenant.createdAt, io.now())],
  ]);

function usageText({ networks, claims, addresses, quotas = {}, v4, v6 }: TenantUsage): string {
  const kinds = [
    { what: "networks", used: networks, limit: quotas.networks },
    { what: "claims", used: claims, limit: quotas.claims },
    { what: "addresses", used: addresses, limit: quotas.addresses },
  ];
  const columns = [
    { title: "WHAT", text: (row: (typeof kinds)[number]) => row.what },
    { title: "USED", text: (row: (typeof kinds)[number]) => String(row.used) },
    { title: "QUOTA", text: (row: (typeof kinds)[number]) => String(row.limit ?? "none") },
  ];
  const families = [
    { family: "v4", ...v4 },
    { family: "v6", ...v6 },
  ];
  const byFamily = formatTable(
    [{ title: "FAMILY", text: (row: (typeof families)[number]) => row.family }, ...usageColumns],
    families,
  );
  return `${formatTable(columns, kinds)}\n${byFamily}`;
}

function sharing(options: CommandOptions): { sharedWith?: string[] } {
  return options.shareWith === undefined ? {} : { sharedWith: [...texts(options, "shareWith")] };
}

export const tenantCommands: readonly CommandDefinition[] = [
  {
    name: "create",
    summary: "Create a tenant: an isolation domain with an address space of its own.",
    args: [["<name>", "Name of the tenant, a DNS label.", "none"]],
    options: [
      ["-l, --label <key=value...>", "Labels."],
      ["--quota <name=limit...>", QUOTA_HELP],
      policyDefaultOption,
      ["--share-with <tenant...>", "Tenants whose rules may name this one, and all its groups.", "tenant"],
    ],
    examples: [
      "tenant create blue --label team=payments",
      "tenant create blue --quota addresses=5000 --quota networks=10",
    ],
    async run(context, [name = ""], options) {
      const labels = parseLabels(texts(options, "label"));
      const body = {
        name,
        labels,
        ...parseQuotas(texts(options, "quota")),
        ...policyDefaultsOf(options),
        ...sharing(options),
      };
      const tenant = await context.client.call(routes.createTenant, { body }, context.call);
      printObject(context.io, context.output, tenant, `tenant ${tenant.name} created\n`);
    },
  },
  {
    name: "list",
    aliases: ["ls"],
    summary: "List tenants.",
    options: [["-s, --selector <labels>", "Only those with all these labels, e.g. env=prod."]],
    examples: ["tenant list", "tenant list -o json"],
    async run(context, _, options) {
      const { io, client, call, output } = context;
      const query = { selector: text(options, "selector") };
      const items = await Array.fromAsync(listAll(client, routes.listTenants, { query }, call));
      printList(io, output, items, {
        empty: "no tenants match",
        columns: [
          { title: "NAME", text: (tenant) => tenant.name },
          { title: "LABELS", text: (tenant) => labelText(tenant.labels) },
          { title: "AGE", text: (tenant) => ageText(tenant.createdAt, io.now()) },
        ],
      });
    },
  },
  {
    name: "get",
    aliases: ["show"],
    summary: "Show one tenant.",
    args: [["<name>", "Name of the tenant.", "tenant"]],
    examples: ["tenant get blue"],
    async run(context, [tenant = ""]) {
      const found = await context.client.call(routes.getTenant, { params: { tenant } }, context.call);
      printObject(context.io, context.output, found, details(context, found));
    },
  },
  {
    name: "usage",
    summary: "What a tenant has, and what it may have.",
    args: [["<name>", "Name of the tenant.", "tenant"]],
    examples: ["tenant usage blue", "tenant usage blue -o json"],
    async run(context, [tenant = ""]) {
      const { client, call, io, output } = context;
      const usage = await client.call(routes.getTenantUsage, { params: { tenant } }, call);
      printObject(io, output, usage, usageText(usage));
    },
  },
  {
    name: "update",
    summary:
      "Change a tenant's labels or quotas. What is there stays, also above a lowered quota: only what is new is refused.",
    args: [["<name>", "Name of the tenant.", "tenant"]],
    options: [
      ["-l, --label <key=value...>", "Labels; they replace the former ones."],
      ["--quota <name=limit...>", QUOTA_HELP],
      policyDefaultOption,
      ["--share-with <tenant...>", "Tenants whose rules may name this one, and all its groups.", "tenant"],
    ],
    examples: [
      "tenant update blue --label team=checkout",
      "tenant update blue --quota addresses=9000 --quota claims=none",
    ],
    async run(context, [tenant = ""], options) {
      const quotas = parseQuotas(texts(options, "quota"));
      const body = {
        ...labelChange(texts(options, "label")),
        ...quotas,
        ...policyDefaultsOf(options),
        ...sharing(options),
      };
      const request = { params: { tenant }, body };
      const changed = await context.client.call(routes.updateTenant, request, context.call);
      printObject(context.io, context.output, changed, details(context, changed));
    },
  },
  {
    name: "delete",
    aliases: ["rm"],
    summary: "Delete a tenant that has no networks.",
    args: [["<name>", "Name of the tenant.", "tenant"]],
    examples: ["tenant delete blue"],
    async run(context, [tenant = ""]) {
      await context.client.call(routes.deleteTenant, { params: { tenant } }, context.call);
      context.io.out(`tenant ${tenant} deleted\n`);
    },
  },
];
