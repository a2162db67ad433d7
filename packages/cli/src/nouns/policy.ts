import { listAll } from "@holdfast/client";
import { HoldfastError } from "@holdfast/core";
import { type Policy, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, flag, text, texts } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { formatDetails, formatTable } from "../output/table.ts";
import { ageText, labelText } from "../output/words.ts";
import { parseLabels } from "./labels.ts";
import { countersCommand } from "./policy-counters.ts";
import { explainCommand } from "./policy-explain.ts";
import { stagingCommands } from "./policy-staging.ts";
import { parsePeer, parseSelector, parseService, ruleText, subjectText } from "./policy-words.ts";

const NAME = ["<name>", "Name of the policy.", "policy"] as const;
const DIRECTION = ["<direction>", "ingress or egress.", ["ingress", "egress"]] as const;

function details({ io }: Context, policy: Policy): string {
  const facts = formatDetails([
    ["name", policy.name],
    ["tenant", policy.tenant],
    ["mode", policy.replaces === undefined ? policy.mode : `${policy.mode}, in the place of ${policy.replaces}`],
    ["tier", `${policy.tier}, order ${policy.order}`],
    ["subject", subjectText(policy.subject)],
    ["isolates", policy.isolates.join(", ") || "nothing"],
    ["labels", labelText(policy.labels)],
    ["age", ageText(policy.createdAt, io.now())],
  ]);
  return `${facts}${rulesText("INGRESS", policy.ingress)}${rulesText("EGRESS", policy.egress)}`;
}

function rulesText(title: string, rules: Policy["ingress"]): string {
  if (rules.length === 0) return "";
  const columns = [
    { title, text: (rule: Policy["ingress"][number]) => rule.id },
    { title: "ACTION", text: (rule: Policy["ingress"][number]) => rule.action },
    { title: "PEERS AND SERVICES", text: ruleText },
  ];
  return `\n${formatTable(columns, rules)}`;
}

export const policyCommands: readonly CommandDefinition[] = [
  {
    name: "create",
    summary: "Create a policy without rules; rules come with set-rule, or the whole from a file: holdfast apply -f.",
    args: [["<name>", "Name of the policy, a DNS label.", "none"]],
    options: [
      ["--group <name...>", "Its subjects are in one of these groups. Absent: all of the tenant.", "group"],
      ["-s, --selector <labels>", "Its subjects have such labels."],
      ["-n, --network <name...>", "Its subjects are in one of these networks.", "network"],
      ["--isolate <direction...>", "Nothing else passes in this direction.", ["ingress", "egress"]],
      ["--tier <tier>", "admin, tenant or default. Absent: tenant.", ["admin", "tenant", "default"]],
      ["--order <number>", "In the tier, the least first. Absent: 1000."],
      ["--staged", "Evaluated and counted, not enforced."],
      ["-l, --label <key=value...>", "Labels."],
    ],
    examples: ["policy create db --group db --isolate ingress --staged", "policy create no-mail --tier admin --staged"],
    async run(context, [name = ""], options) {
      const [groups, networks, selector] = [
        texts(options, "group"),
        texts(options, "network"),
        text(options, "selector"),
      ];
      const [tier, order] = [text(options, "tier"), text(options, "order")];
      const body = {
        name,
        subject: {
          ...(groups.length === 0 ? {} : { groups: [...groups] }),
          ...(selector === undefined ? {} : { selector: parseSelector(selector) }),
          ...(networks.length === 0 ? {} : { networks: [...networks] }),
        },
        isolates: texts(options, "isolate") as Policy["isolates"],
        ...(tier === undefined ? {} : { tier: tier as Policy["tier"] }),
        ...(order === undefined ? {} : { order: Number(order) }),
        mode: flag(options, "staged") === true ? ("staged" as const) : ("enforced" as const),
        labels: parseLabels(texts(options, "label")),
      };
      const made = await context.client.call(
        routes.createPolicy,
        { params: { tenant: context.tenant }, body },
        context.call,
      );
      printObject(context.io, context.output, made, `policy ${made.tenant}/${made.name} created, ${made.mode}\n`);
    },
  },
  {
    name: "list",
    aliases: ["ls"],
    summary: "List policies, of all tenants or of one.",
    options: [["--staged", "Only those that are staged."]],
    examples: ["policy list", "policy list --tenant billing --staged"],
    async run({ client, call, io, output, namedTenant: tenant }, _, options) {
      const query = { tenant, ...(flag(options, "staged") === true ? { mode: "staged" as const } : {}) };
      const items = await Array.fromAsync(listAll(client, routes.listPolicies, { query }, call));
      printList(io, output, items, {
        empty: "no policies: within a tenant everybody may talk to everybody",
        columns: [
          { title: "TENANT", text: (policy) => policy.tenant },
          { title: "NAME", text: (policy) => policy.name },
          { title: "MODE", text: (policy) => policy.mode },
          { title: "TIER", text: (policy) => policy.tier },
          { title: "ORDER", text: (policy) => String(policy.order) },
          { title: "SUBJECT", text: (policy) => subjectText(policy.subject) },
          { title: "ISOLATES", text: (policy) => policy.isolates.join(",") },
          { title: "RULES", text: (policy) => String(policy.ingress.length + policy.egress.length) },
          { title: "AGE", text: (policy) => ageText(policy.createdAt, io.now()) },
        ],
      });
    },
  },
  {
    name: "get",
    aliases: ["show"],
    summary: "Show one policy and its rules, in order.",
    args: [NAME],
    examples: ["policy get db", "policy get db -o yaml"],
    async run(context, [policy = ""]) {
      const params = { tenant: context.tenant, policy };
      const found = await context.client.call(routes.getPolicy, { params }, context.call);
      printObject(context.io, context.output, found, details(context, found));
    },
  },
  {
    name: "set-rule",
    summary: "Add a rule to a policy, or edit one in its place.",
    args: [NAME, DIRECTION, ["<rule>", "Id of the rule: counters, logs and explanations go by it.", "none"]],
    options: [
      ["!--action <action>", "allow, deny, or pass: the next tier decides.", ["allow", "deny", "pass"]],
      [
        "--peer <who...>",
        "group=web, group=billing/db, selector=app=web, tenant=billing, network=web, cidr=10.0.0.0/8, set=partners. Absent: anybody.",
      ],
      ["--service <what...>", "tcp:443,8000-8999, udp, icmp:8/0, 47. Absent: anything."],
      ["--log", "Log what it decides about, at a bounded rate."],
      ["--before <rule>", "It goes right before this rule. Absent: it stays where it is, or goes last."],
      ["--description <text>", "For people."],
    ],
    examples: [
      "policy set-rule db ingress web --action allow --peer group=web --service tcp:5432",
      "policy set-rule db ingress blocked --action deny --peer set=blocked --before web --log",
    ],
    async run(context, [policy = "", direction = "", id = ""], options) {
      checkDirection(direction);
      const [peers, services] = [texts(options, "peer"), texts(options, "service")];
      const description = text(options, "description");
      const rule = {
        id,
        action: text(options, "action") as "allow",
        ...(flag(options, "log") === true ? { log: true } : {}),
        ...(peers.length === 0 ? {} : { peers: peers.map(parsePeer) as never }),
        ...(services.length === 0 ? {} : { services: services.map(parseService) as never }),
        ...(description === undefined ? {} : { description }),
      };
      const params = { tenant: context.tenant, policy, direction, rule: id };
      const body = { rule, before: text(options, "before") };
      const changed = await context.client.call(routes.setPolicyRule, { params, body }, context.call);
      printObject(context.io, context.output, changed, details(context, changed));
    },
  },
  {
    name: "delete-rule",
    summary: "Remove a rule from a policy.",
    args: [NAME, DIRECTION, ["<rule>", "Id of the rule.", "none"]],
    examples: ["policy delete-rule db ingress web"],
    async run(context, [policy = "", direction = "", rule = ""]) {
      checkDirection(direction);
      const params = { tenant: context.tenant, policy, direction, rule };
      const changed = await context.client.call(routes.deletePolicyRule, { params }, context.call);
      printObject(context.io, context.output, changed, details(context, changed));
    },
  },
  ...stagingCommands,
  countersCommand,
  explainCommand,
  {
    name: "delete",
    aliases: ["rm"],
    summary: "Delete a policy.",
    args: [NAME],
    examples: ["policy delete db"],
    async run({ client, call, io, tenant }, [policy = ""]) {
      await client.call(routes.deletePolicy, { params: { tenant, policy } }, call);
      io.out(`policy ${tenant}/${policy} deleted\n`);
    },
  },
];

function checkDirection(text: string): asserts text is "ingress" | "egress" {
  if (text === "ingress" || text === "egress") return;
  throw new HoldfastError("invalid_argument", `${text} is no direction; there are ingress and egress`);
}
