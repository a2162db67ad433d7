import { IpAddress } from "@holdfast/core";
import { inOrder } from "../query/add-up.ts";
import { addTo, type Group, type KeyValue, noSum, type Sum, type SumAnswer, type SumPlan } from "../query/plan.ts";
import { emptyAnswer, restOf, slotsOf } from "../query/slot-sums.ts";
import { addressBits } from "../store/address-bits.ts";
import { type CaseKey, casesOf, type GroupCase } from "./group-cases.ts";
import { allOf, anyOf, fieldOf, isAddress, noneOf, predicateQuery, type Query } from "./predicate-query.ts";
import {
  type Aggregation,
  eachGroup,
  type Search,
  SUM_AGGREGATIONS,
  slotHistogram,
  slotOfBucket,
  sumIn,
  valueIn,
} from "./searching.ts";

/** Answers a plan from the rows that `search` is about, which are all within the plan's slots. @throws HoldfastError like the cluster, and `too_large` */
export async function askSums(search: Search, plan: SumPlan): Promise<SumAnswer> {
  const cases = plan.parts.flatMap(casesOf);
  const [totals, groups] = await Promise.all([
    askTotals(search, plan),
    plan.slots.count === 1 ? askGroups(search, plan, cases) : askSlottedGroups(search, plan, cases),
  ]);
  return { ...groups, totals };
}

async function askTotals(search: Search, plan: SumPlan): Promise<SumAnswer["totals"]> {
  const { slots, totals } = plan;
  const inner =
    slots.count === 1
      ? SUM_AGGREGATIONS
      : { slots: { date_histogram: { ...slotHistogram(slots), min_doc_count: 1 }, aggs: SUM_AGGREGATIONS } };
  const aggs = Object.fromEntries(
    totals.map((where, index) => [`t${index}`, { filter: predicateQuery(where), aggs: inner }]),
  );
  const { aggregations = {} } = await search({ size: 0, track_total_hits: false, aggs });
  return totals.map((_, index) => {
    const told = aggregations[`t${index}`] ?? {};
    if (slots.count === 1) return [sumIn(told)];
    const sums = slotsOf(plan);
    for (const bucket of (told.slots as Aggregation | undefined)?.buckets ?? []) {
      const slot = slotOfBucket(slots, bucket.key as number);
      if (slot in sums) sums[slot] = sumIn(bucket);
    }
    return sums;
  });
}

type Groups = Omit<SumAnswer, "totals">;

/** With one slot, what says who is first is the answer already. */
async function askGroups(search: Search, plan: SumPlan, cases: readonly GroupCase[]): Promise<Groups> {
  const book = createGroupBook(1);
  await each(cases, (one) =>
    eachGroup(search, one, { sums: SUM_AGGREGATIONS }, (key, _, sums) => book.add(key, 0, sumIn(sums))),
  );
  const sorted = inOrder(plan, book.groups());
  const rest = noSum();
  for (const { slots } of sorted.slice(plan.limit)) addTo(rest, slots[0] ?? noSum());
  return {
    groups: sorted.slice(0, plan.limit),
    other: { groups: Math.max(0, sorted.length - plan.limit), slots: [rest] },
  };
}

/** Who is first, and then their slots alone: all groups in all slots may be too many. */
async function askSlottedGroups(search: Search, plan: SumPlan, cases: readonly GroupCase[]): Promise<Groups> {
  const sizes = await askSizes(search, plan, cases);
  const first = inOrder({ ...plan, ranked: "all" }, sizes).slice(0, plan.limit);
  const others = sizes.length - first.length;
  const [groups, all] = await Promise.all([
    askSlotsOf(search, plan, cases, first),
    others > 0 ? askAll(search, plan, cases) : slotsOf(plan),
  ]);
  const told = inOrder(plan, groups);
  return { groups: told, other: others > 0 ? { groups: others, slots: restOf(all, told) } : emptyAnswer(plan).other };
}

/** Every group with one slot: what it is ranked by. */
async function askSizes(search: Search, plan: SumPlan, cases: readonly GroupCase[]): Promise<readonly Group[]> {
  const { slots, measure, ranked } = plan;
  const size = { sum: { field: measure } };
  const from = slots.start + (slots.count - 1) * slots.milliseconds;
  const sums =
    ranked === "all" ? { size } : { last: { filter: { range: { "@timestamp": { gte: from } } }, aggs: { size } } };
  const book = createGroupBook(1);
  await each(cases, (one) =>
    eachGroup(search, one, { sums }, (key, _, told) => {
      const value = valueIn(ranked === "all" ? told : (told.last as Aggregation), "size");
      book.add(key, 0, { ...noSum(), [measure]: value });
    }),
  );
  return book.groups();
}

async function askSlotsOf(
  search: Search,
  plan: SumPlan,
  cases: readonly GroupCase[],
  first: readonly Group[],
): Promise<readonly Group[]> {
  const book = createGroupBook(plan.slots.count);
  for (const { key } of first) book.add(key, 0, noSum());
  await each(cases, async (one) => {
    const meant = first.filter(({ key }) =>
      one.keys.every((own, index) => own.kind === "field" || own.value === key[index]),
    );
    if (meant.length === 0) return;
    const options = { slots: plan.slots, sums: SUM_AGGREGATIONS, only: keysQuery(one.keys, meant) };
    await eachGroup(search, one, options, (key, slot, sums) => {
      if (book.has(key)) book.add(key, slot, sumIn(sums));
    });
  });
  return book.groups();
}

/** Rows that may be of these groups; some more are, where groups have several keys. */
function keysQuery(keys: readonly CaseKey[], groups: readonly Group[]): Query {
  return allOf(
    keys.flatMap((own, index) => {
      if (own.kind === "constant") return [];
      const field = fieldOf(own.column);
      const values = new Set(groups.map(({ key }) => key[index] ?? null));
      const terms = [...values].flatMap((value) => {
        if (value === null) return [];
        return isAddress(own.column) ? [addressBits(IpAddress.parse(String(value)))] : [value];
      });
      const absent = values.has(null) ? [noneOf([{ exists: { field } }])] : [];
      return [anyOf([{ terms: { [field]: terms } }, ...absent])];
    }),
  );
}

/** All groups together, slot by slot. A row is in it once for each of its groups, so only keys with several values of a row matter. */
async function askAll(search: Search, plan: SumPlan, cases: readonly GroupCase[]): Promise<readonly Sum[]> {
  const all = slotsOf(plan);
  await each(cases, ({ where, keys }) => {
    const lists = keys.filter((key) => key.kind === "field" && key.column.endsWith(".group"));
    const options = { slots: plan.slots, sums: SUM_AGGREGATIONS };
    return eachGroup(search, { where, keys: lists }, options, (_, slot, sums) =>
      addTo(all[slot] ?? noSum(), sumIn(sums)),
    );
  });
  return all;
}

/** Groups as they are told, part by part; the same key of several parts is one group. */
interface GroupBook {
  add(key: readonly KeyValue[], slot: number, sum: Sum): void;
  has(key: readonly KeyValue[]): boolean;
  groups(): readonly Group[];
}

function createGroupBook(count: number): GroupBook {
  const groups = new Map<string, { readonly key: readonly KeyValue[]; readonly slots: Sum[] }>();
  return {
    add(key, slot, sum) {
      const name = JSON.stringify(key);
      const group = groups.get(name) ?? { key, slots: Array.from({ length: count }, noSum) };
      groups.set(name, group);
      addTo(group.slots[slot] ?? noSum(), sum);
    },
    has: (key) => groups.has(JSON.stringify(key)),
    groups: () => [...groups.values()],
  };
}

async function each(cases: readonly GroupCase[], work: (one: GroupCase) => Promise<void>): Promise<void> {
  await Promise.all(cases.map(work));
}
