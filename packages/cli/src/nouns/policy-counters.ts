import { type PolicyCounters, routes } from "@holdfast/model";
import type { CommandDefinition } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { formatTable } from "../output/table.ts";
import { ageText } from "../output/words.ts";

export const countersCommand: CommandDefinition = {
  name: "counters",
  summary:
    "What the rules of a policy have decided, or, while it is staged, would have; without a name: what guards against spoofing have dropped.",
  args: [["[name]", "Name of the policy. Absent: guards of all nodes.", "policy"]],
  examples: ["policy counters db", "policy counters db-staged -o json", "policy counters"],
  async run({ client, call, io, output, tenant }, [policy = ""]) {
    if (policy === "") {
      const { guards } = await client.call(routes.guardCounters, {}, call);
      printList(io, output, guards, {
        empty: "no guard has dropped anything",
        columns: [
          { title: "NODE", text: ({ node }) => node },
          { title: "GUARD", text: ({ guard }) => guard },
          { title: "PACKETS", text: ({ packets }) => String(packets) },
          { title: "BYTES", text: ({ bytes }) => String(bytes) },
        ],
      });
      return;
    }
    const counted = await client.call(routes.policyCounters, { params: { tenant, policy } }, call);
    printObject(io, output, counted, countersText(counted, ageText(counted.since, io.now())));
  },
};

function countersText({ tenant, policy, mode, rules }: PolicyCounters, age: string): string {
  const would = mode === "staged" ? "would " : "";
  const head = `policy ${tenant}/${policy}, ${mode}, counted for ${age}\n`;
  if (rules.length === 0) return `${head}it has no rules\n`;
  const columns = [
    { title: "DIRECTION", text: (row: PolicyCounters["rules"][number]) => row.direction },
    { title: "RULE", text: (row: PolicyCounters["rules"][number]) => row.rule ?? "(nothing else: isolates)" },
    { title: "ACTION", text: (row: PolicyCounters["rules"][number]) => `${would}${row.action}` },
    { title: "PACKETS", text: (row: PolicyCounters["rules"][number]) => String(row.packets) },
    { title: "BYTES", text: (row: PolicyCounters["rules"][number]) => String(row.bytes) },
  ];
  return `${head}\n${formatTable(columns, rules)}`;
}
