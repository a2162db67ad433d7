import { listAll } from "@holdfast/client";
import { routes, type Tenant } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, text, texts } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { formatDetails } from "../output/table.ts";
import { ageText, labelText } from "../output/words.ts";
import { labelChange, parseLabels } from "./labels.ts";

const details = ({ io }: Context, tenant: Tenant): string =>
  formatDetails([
    ["name", tenant.name],
    ["labels", labelText(tenant.labels)],
    ["age", ageText(tenant.createdAt, io.now())],
  ]);

export const tenantCommands: readonly CommandDefinition[] = [
  {
    name: "create",
    summary: "Create a tenant: an isolation domain with an address space of its own.",
    args: [["<name>", "Name of the tenant, a DNS label.", "none"]],
    options: [["-l, --label <key=value...>", "Labels."]],
    examples: ["tenant create blue --label team=payments"],
    async run(context, [name = ""], options) {
      const body = { name, labels: parseLabels(texts(options, "label")) };
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
    name: "update",
    summary: "Change a tenant's labels; they replace the former ones.",
    args: [["<name>", "Name of the tenant.", "tenant"]],
    options: [["-l, --label <key=value...>", "Labels."]],
    examples: ["tenant update blue --label team=checkout"],
    async run(context, [tenant = ""], options) {
      const request = { params: { tenant }, body: labelChange(texts(options, "label")) };
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
