import { HoldfastError } from "@holdfast/core";
import { type Policy, routes } from "@holdfast/model";
import type { Written } from "../apply/documents.ts";
import { parseDocuments } from "../apply/documents.ts";
import { policyBody } from "../apply/policy.ts";
import { orAbsent } from "../apply/target.ts";
import type { Context } from "../context.ts";
import { type CommandDefinition, text } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { ruleText, subjectText } from "./policy-words.ts";

const NAME = ["<name>", "Name of the policy.", "policy"] as const;

/** What is staged in the place of a policy is called so, unless somebody gave it another name. */
const stagedName = (name: string) => `${name.slice(0, 56)}-staged`;

export const stagingCommands: readonly CommandDefinition[] = [
  {
    name: "stage",
    summary:
      "Stage a policy of a file: evaluated and counted, not enforced; in the place of the enforced one of its name, if any.",
    options: [["!-f, --file <file>", "A file with one document of kind Policy; - reads standard input.", "file"]],
    examples: ["policy stage -f db.yaml", "policy stage -f - < db.yaml"],
    async run(context, _, options) {
      const file = text(options, "file") ?? "";
      const staged = await stage(context, policyOf(file, await context.io.readFile(file)));
      const place = staged.replaces === undefined ? "" : ` in the place of ${staged.replaces}`;
      const said = `policy ${staged.tenant}/${staged.name} staged${place}; see: holdfast policy diff ${staged.replaces ?? staged.name}\n`;
      printObject(context.io, context.output, staged, said);
    },
  },
  {
    name: "diff",
    summary: "What a staged policy would change: rules that come, go, and become others.",
    args: [NAME],
    examples: ["policy diff db"],
    async run(context, [name = ""]) {
      const { enforced, staged } = await pairOf(context, name);
      printList(context.io, context.output, changesBetween(enforced, staged), {
        empty: `policy ${staged.tenant}/${staged.name} would change nothing`,
        columns: [
          { title: "CHANGE", text: ({ change }) => change },
          { title: "WHAT", text: ({ what }) => what },
          { title: "NOW", text: ({ now }) => now },
          { title: "THEN", text: ({ planned }) => planned },
        ],
      });
    },
  },
  {
    name: "enforce",
    summary: "Enforce a staged policy, in the place of the one that it replaces, if any.",
    args: [NAME],
    examples: ["policy enforce db"],
    async run(context, [name = ""]) {
      const { staged } = await pairOf(context, name);
      const params = { tenant: context.tenant, policy: staged.name };
      const call = { ...context.call, ifMatch: staged.revision };
      const enforced = await context.client.call(routes.enforcePolicy, { params }, call);
      printObject(context.io, context.output, enforced, `policy ${enforced.tenant}/${enforced.name} is enforced\n`);
    },
  },
];

function policyOf(file: string, content: string): Written<"Policy"> {
  const [first, ...others] = parseDocuments(file, content);
  if (first?.document.kind === "Policy" && others.length === 0) return first as Written<"Policy">;
  throw new HoldfastError(
    "invalid_argument",
    `${file} must hold one document of kind Policy; for others: holdfast apply -f`,
  );
}

async function stage(context: Context, written: Written<"Policy">): Promise<Policy> {
  const { client, call } = context;
  const { tenant, name } = written.document.metadata;
  const get = (policy: string) => orAbsent(client.call(routes.getPolicy, { params: { tenant, policy } }, call));
  const there = await get(name);
  const replaces = there?.mode === "enforced" ? { replaces: name } : {};
  const target = there?.mode === "enforced" ? stagedName(name) : name;
  const body = { ...policyBody(written), ...replaces, name: target, mode: "staged" as const };
  const before = await get(target);
  if (before === undefined) return client.call(routes.createPolicy, { params: { tenant }, body }, call);
  const { name: _, mode, replaces: __, ...patch } = { replaces: undefined, ...body };
  if (before.mode !== mode)
    throw new HoldfastError("conflict", `policy ${tenant}/${target} is there and is not staged`);
  return client.call(
    routes.updatePolicy,
    { params: { tenant, policy: target }, body: patch },
    { ...call, ifMatch: before.revision },
  );
}

/** A staged policy by its own name, or by that of the one in whose place it is staged. */
async function pairOf(
  { client, call, tenant }: Context,
  name: string,
): Promise<{ enforced: Policy | undefined; staged: Policy }> {
  const get = (policy: string) => client.call(routes.getPolicy, { params: { tenant, policy } }, call);
  const named = await get(name);
  const staged = named.mode === "staged" ? named : await orAbsent(get(stagedName(name)));
  if (staged === undefined) {
    throw new HoldfastError(
      "not_found",
      `nothing is staged in the place of policy ${tenant}/${name}; stage it: holdfast policy stage -f FILE`,
    );
  }
  const enforced = staged.replaces === undefined ? undefined : await orAbsent(get(staged.replaces));
  return { enforced, staged };
}

interface Change {
  readonly change: "comes" | "goes" | "changes" | "moves";
  readonly what: string;
  readonly now: string;
  readonly planned: string;
}

/** Field by field, and rule by rule by their ids. */
function changesBetween(enforced: Policy | undefined, staged: Policy): Change[] {
  const fields = (policy: Policy | undefined): [string, string][] => [
    ["tier", policy === undefined ? "" : `${policy.tier}, order ${policy.order}`],
    ["subject", policy === undefined ? "" : subjectText(policy.subject)],
    ["isolates", policy?.isolates.join(",") ?? ""],
  ];
  const after = fields(staged);
  const changed = fields(enforced).flatMap(([what, now], index): Change[] => {
    const then = after[index]?.[1] ?? "";
    return now === then ? [] : [{ change: enforced === undefined ? "comes" : "changes", what, now, planned: then }];
  });
  return [
    ...changed,
    ...(["ingress", "egress"] as const).flatMap((direction) => ruleChanges(direction, enforced, staged)),
  ];
}

function ruleChanges(direction: "ingress" | "egress", enforced: Policy | undefined, staged: Policy): Change[] {
  const said = (rule: Policy["ingress"][number]) => `${rule.action}: ${ruleText(rule)}`;
  const before = new Map((enforced?.[direction] ?? []).map((rule) => [rule.id, said(rule)]));
  const after = new Map(staged[direction].map((rule) => [rule.id, said(rule)]));
  const kept = [...before.keys()].filter((id) => after.has(id));
  const orderThen = [...after.keys()].filter((id) => before.has(id));
  const goes = [...before]
    .filter(([id]) => !after.has(id))
    .map(([id, now]): Change => ({ change: "goes", what: `${direction} ${id}`, now, planned: "" }));
  const rest = [...after].flatMap(([id, then]): Change[] => {
    const now = before.get(id);
    const what = `${direction} ${id}`;
    if (now === undefined) return [{ change: "comes", what, now: "", planned: then }];
    if (now !== then) return [{ change: "changes", what, now, planned: then }];
    const [from, to] = [kept.indexOf(id), orderThen.indexOf(id)];
    return from === to ? [] : [{ change: "moves", what, now: `place ${from + 1}`, planned: `place ${to + 1}` }];
  });
  return [...goes, ...rest];
}
