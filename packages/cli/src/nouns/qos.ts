import { listAll } from "@holdfast/client";
import { type QosProfile, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, text, texts } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { formatDetails } from "../output/table.ts";
import { ageText, labelText } from "../output/words.ts";
import { labelChange, parseLabels } from "./labels.ts";
import { directionText, dscpText, namedByText, QOS_TERMS, termsOf } from "./qos-words.ts";

const NAME = ["<name>", "Name of the profile.", "qos"] as const;

const details = ({ io }: Context, profile: QosProfile): string =>
  formatDetails([
    ["name", profile.name],
    ["tenant", profile.tenant],
    ["egress", directionText(profile.egress)],
    ["ingress", directionText(profile.ingress)],
    ["connections", String(profile.connections ?? "no limit")],
    ["DSCP", dscpText(profile.dscp)],
    ["guarantee", profile.guarantee ?? "none"],
    ["labels", labelText(profile.labels)],
    ["age", ageText(profile.createdAt, io.now())],
  ]);

export const qosCommands: readonly CommandDefinition[] = [
  {
    name: "create",
    summary: "Create a QoS profile, which groups and claims can then name.",
    args: [["<name>", "Name of the profile, a DNS label.", "none"]],
    options: QOS_TERMS,
    examples: [
      "qos create bulk --egress-rate 100Mbit --ingress-rate 1Gbit",
      "qos create gold --guarantee 200Mbit --dscp af41",
      "qos create guest --egress-rate 10Mbit --egress-packets 5000 --connections 500",
    ],
    async run(context, [name = ""], options) {
      const { client, call, io, output, tenant } = context;
      const terms = Object.fromEntries(Object.entries(termsOf(options)).filter(([, value]) => value !== null));
      const body = { name, ...terms, labels: parseLabels(texts(options, "label")) };
      const made = await client.call(routes.createQosProfile, { params: { tenant }, body }, call);
      printObject(io, output, made, `QoS profile ${made.tenant}/${made.name} created\n`);
    },
  },
  {
    name: "list",
    aliases: ["ls"],
    summary: "List QoS profiles, of all tenants or of one.",
    examples: ["qos list", "qos list --tenant billing -o json"],
    async run({ client, call, io, output, namedTenant: tenant }) {
      const items = await Array.fromAsync(listAll(client, routes.listQosProfiles, { query: { tenant } }, call));
      printList(io, output, items, {
        empty: "no QoS profiles; make one: holdfast qos create bulk --egress-rate 100Mbit",
        columns: [
          { title: "TENANT", text: (profile) => profile.tenant },
          { title: "NAME", text: (profile) => profile.name },
          { title: "EGRESS", text: ({ egress }) => directionText(egress) },
          { title: "INGRESS", text: ({ ingress }) => directionText(ingress) },
          { title: "CONNECTIONS", text: ({ connections }) => String(connections ?? "") },
          { title: "DSCP", text: ({ dscp }) => (dscp === undefined ? "" : dscpText(dscp)) },
          { title: "GUARANTEE", text: ({ guarantee }) => guarantee ?? "" },
          { title: "AGE", text: (profile) => ageText(profile.createdAt, io.now()) },
        ],
      });
    },
  },
  {
    name: "get",
    aliases: ["show"],
    summary: "Show one QoS profile.",
    args: [NAME],
    examples: ["qos show bulk"],
    async run(context, [profile = ""]) {
      const params = { tenant: context.tenant, profile };
      const found = await context.client.call(routes.getQosProfile, { params }, context.call);
      printObject(context.io, context.output, found, details(context, found));
    },
  },
  {
    name: "set",
    aliases: ["update"],
    summary: "Change a QoS profile; running endpoints have it at once. What is not named stays, none takes away.",
    args: [NAME],
    options: QOS_TERMS,
    examples: ["qos set bulk --egress-rate 200Mbit", "qos set guest --connections none --dscp cs1"],
    async run(context, [profile = ""], options) {
      const { client, call, tenant } = context;
      const params = { tenant, profile };
      const existing = await client.call(routes.getQosProfile, { params }, call);
      const body = { ...termsOf(options, existing), ...labelChange(texts(options, "label")) };
      // A direction is replaced as a whole: nobody's change in between may get lost.
      const conditional = { ...call, ifMatch: existing.revision };
      const changed = await client.call(routes.updateQosProfile, { params, body }, conditional);
      printObject(context.io, context.output, changed, details(context, changed));
    },
  },
  {
    name: "explain",
    summary: "Say which QoS profile a claim's endpoint has, and who names it.",
    args: [["<identity>", "Name of the workload.", "claim"]],
    options: [["!-n, --network <name>", "Name of the network.", "network"]],
    examples: ["qos explain redis-0 --network web"],
    async run(context, [identity = ""], options) {
      const { client, call, tenant, io, output } = context;
      const body = { tenant, network: text(options, "network") ?? "", identity };
      const told = await client.call(routes.explainQos, { body }, call);
      const { profile, by, passedOver } = told;
      const words =
        profile === undefined
          ? `${identity} has no QoS profile: neither the claim nor a group that it is in names one\n`
          : `${identity} has ${profile.name}, named by ${namedByText(by)}\n`;
      const others = passedOver.map((one) => `passed over: ${one.profile}, named by ${namedByText(one.by)}\n`);
      const shown = profile === undefined ? "" : details(context, profile);
      printObject(io, output, told, `${words}${others.join("")}${shown}`);
    },
  },
  {
    name: "delete",
    aliases: ["rm"],
    summary: "Delete a QoS profile that no group and no claim names.",
    args: [NAME],
    examples: ["qos delete bulk"],
    async run({ client, call, io, tenant }, [profile = ""]) {
      await client.call(routes.deleteQosProfile, { params: { tenant, profile } }, call);
      io.out(`QoS profile ${tenant}/${profile} deleted\n`);
    },
  },
];
