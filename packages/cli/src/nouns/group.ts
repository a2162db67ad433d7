import { listAll } from "@holdfast/client";
import { type Group, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, text, texts } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { formatDetails } from "../output/table.ts";
import { ageText, labelText } from "../output/words.ts";
import { labelChange, parseLabels } from "./labels.ts";
import { parseSelector, selectorText } from "./policy-words.ts";
import { qosChange, qosOf } from "./qos-words.ts";

const details = ({ io }: Context, group: Group): string =>
  formatDetails([
    ["name", group.name],
    ["tenant", group.tenant],
    ["selector", group.selector === undefined ? "" : selectorText(group.selector)],
    ["identities", group.identities?.join(", ") ?? ""],
    ["networks", group.networks?.join(", ") ?? "all"],
    ["shared with", group.sharedWith.join(", ")],
    ...(group.qos === undefined ? [] : [["qos", group.qos] as const]),
    ["labels", labelText(group.labels)],
    ["age", ageText(group.createdAt, io.now())],
  ]);

const MEMBERSHIP = [
  ["-s, --selector <labels>", "Claims with such labels, e.g. app=web,env!=test,tier=a|b,owner,!old."],
  ["--identity <name...>", "Claims by name.", "claim"],
  ["-n, --network <name...>", "Only of these networks.", "network"],
  ["--share-with <tenant...>", "Tenants whose rules may name the group.", "tenant"],
  ["--qos <profile>", "QoS profile of members that name none themselves; none takes it away.", "qos"],
  ["-l, --label <key=value...>", "Labels of the group itself."],
] as const satisfies CommandDefinition["options"];

const NAME = ["<name>", "Name of the group.", "group"] as const;

export const groupCommands: readonly CommandDefinition[] = [
  {
    name: "create",
    summary: "Create a group: claims that rules speak of together.",
    args: [["<name>", "Name of the group, a DNS label.", "none"]],
    options: MEMBERSHIP,
    examples: [
      "group create web --selector app=web",
      "group create db --identity mysql-0 mysql-1 --share-with billing",
    ],
    async run(context, [name = ""], options) {
      const { selector, identities, networks } = membership(options);
      const sharedWith = texts(options, "shareWith");
      const body = {
        name,
        selector,
        identities,
        networks,
        sharedWith: [...sharedWith],
        ...qosOf(options),
        labels: parseLabels(texts(options, "label")),
      };
      const made = await context.client.call(
        routes.createGroup,
        { params: { tenant: context.tenant }, body },
        context.call,
      );
      printObject(context.io, context.output, made, `group ${made.tenant}/${made.name} created\n`);
    },
  },
  {
    name: "list",
    aliases: ["ls"],
    summary: "List groups, of all tenants or of one.",
    examples: ["group list", "group list --tenant billing -o json"],
    async run({ client, call, io, output, namedTenant: tenant }) {
      const items = await Array.fromAsync(listAll(client, routes.listGroups, { query: { tenant } }, call));
      printList(io, output, items, {
        empty: "no groups; make one: holdfast group create web --selector app=web",
        columns: [
          { title: "TENANT", text: (group) => group.tenant },
          { title: "NAME", text: (group) => group.name },
          { title: "SELECTOR", text: ({ selector }) => (selector === undefined ? "" : selectorText(selector)) },
          { title: "IDENTITIES", text: ({ identities }) => String(identities?.length ?? "") },
          { title: "SHARED WITH", text: ({ sharedWith }) => sharedWith.join(",") },
          { title: "AGE", text: (group) => ageText(group.createdAt, io.now()) },
        ],
      });
    },
  },
  {
    name: "get",
    aliases: ["show"],
    summary: "Show one group.",
    args: [NAME],
    examples: ["group get web"],
    async run(context, [group = ""]) {
      const params = { tenant: context.tenant, group };
      const found = await context.client.call(routes.getGroup, { params }, context.call);
      printObject(context.io, context.output, found, details(context, found));
    },
  },
  {
    name: "members",
    summary: "List the claims that are in a group.",
    args: [NAME],
    examples: ["group members web"],
    async run({ client, call, io, output, tenant }, [group = ""]) {
      const params = { tenant, group };
      const items = await Array.fromAsync(listAll(client, routes.listGroupMembers, { params }, call));
      printList(io, output, items, {
        empty: `nobody is in group ${tenant}/${group}; holdfast claim list shows labels`,
        columns: [
          { title: "NETWORK", text: (member) => member.network },
          { title: "IDENTITY", text: (member) => member.identity },
          { title: "ADDRESSES", text: (member) => member.addresses.join(",") },
        ],
      });
    },
  },
  {
    name: "update",
    summary: "Change who is in a group, or with whom it is shared; what is not named stays.",
    args: [NAME],
    options: MEMBERSHIP,
    examples: [
      "group update web --selector app=web,env=prod",
      "group update db --share-with billing audit",
      "group update batch --qos bulk",
    ],
    async run(context, [group = ""], options) {
      const shared = options.shareWith === undefined ? {} : { sharedWith: [...texts(options, "shareWith")] };
      const body = {
        ...membership(options),
        ...shared,
        ...qosChange(options),
        ...labelChange(texts(options, "label")),
      };
      const params = { tenant: context.tenant, group };
      const changed = await context.client.call(routes.updateGroup, { params, body }, context.call);
      printObject(context.io, context.output, changed, details(context, changed));
    },
  },
  {
    name: "delete",
    aliases: ["rm"],
    summary: "Delete a group that no policy of its tenant names.",
    args: [NAME],
    examples: ["group delete web"],
    async run({ client, call, io, tenant }, [group = ""]) {
      await client.call(routes.deleteGroup, { params: { tenant, group } }, call);
      io.out(`group ${tenant}/${group} deleted\n`);
    },
  },
];

function membership(options: Parameters<CommandDefinition["run"]>[2]) {
  const selector = text(options, "selector");
  const [identities, networks] = [texts(options, "identity"), texts(options, "network")];
  return {
    ...(selector === undefined ? {} : { selector: parseSelector(selector) }),
    ...(identities.length === 0 ? {} : { identities: [...identities] }),
    ...(networks.length === 0 ? {} : { networks: [...networks] }),
  };
}
