import type { Removal, TableName } from "@holdfast/netlink";
import { expect, test } from "vitest";
import { isTableLost } from "./lost-tables.ts";

const OURS: readonly TableName[] = ["inet holdfast_shield", "arp holdfast_shield"];
const INET: TableName = "inet holdfast_shield";

test.each<{ part: Removal["part"]; name: string; there: readonly TableName[]; lost: boolean; asked: number }>([
  { part: "table", name: "holdfast_shield", there: [INET], lost: true, asked: 2 },
  { part: "table", name: "holdfast_shield", there: OURS, lost: false, asked: 2 },
  { part: "table", name: "fail2ban", there: [], lost: false, asked: 0 },
  { part: "set", name: "holdfast_shield", there: [], lost: false, asked: 0 },
])("of a $part $name that was taken out while there are $there: $lost", ({ part, name, there, lost, asked }) => {
  const questions: TableName[] = [];
  const hasTable = (table: TableName) => {
    questions.push(table);
    return there.includes(table);
  };
  expect(isTableLost({ hasTable }, OURS, { table: name, part, name })).toBe(lost);
  expect(questions).toHaveLength(asked);
});
