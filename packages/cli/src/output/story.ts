import type { AddressStory, LedgerEntry } from "@holdfast/model";
import { formatDetails, formatTable } from "./table.ts";
import { durationText, ownersText } from "./words.ts";

/** Everything known of an address in one network, for people. */
export function storyText(story: AddressStory, now: Date): string {
  const head = `${story.address} in ${story.tenant}/${story.network}: ${story.summary}\n`;
  const facts = factsOf(story, now);
  const details = facts.length === 0 ? "" : `\n${indented(formatDetails(facts))}`;
  return `${head}${details}${historyText(story)}`;
}

type Fact = readonly [name: string, value: string];

function factsOf(story: AddressStory, now: Date): readonly Fact[] {
  const asOf = story.at === undefined ? now : new Date(story.at);
  const refused = story.history.filter(({ event }) => event === "refused");
  const changes = story.history.filter(({ event, at }) => event !== "refused" && Date.parse(at) <= asOf.getTime());
  const held = story.state === "claimed" || story.state === "bound";
  const taken = held ? changes.findLast(({ event }) => BEGINNINGS.has(event)) : undefined;
  const last = changes.at(-1);
  const when = (time: string): string => whenText(time, asOf, story.at === undefined ? "ago" : "before then");
  return [
    ...(held && story.identity !== undefined ? [["owner", story.identity] as const] : []),
    ...(story.node === undefined
      ? []
      : [["where", `node ${story.node}, endpoint ${story.endpoint ?? "unknown"}`] as const]),
    ...(story.mac === undefined ? [] : [["answered", story.mac] as const]),
    ...(story.since === undefined ? [] : [["since", when(story.since)] as const]),
    ...(last === undefined ? [] : [["why", causeText(last)] as const]),
    ...(taken === undefined || taken === last
      ? []
      : [[taken.event, `${when(taken.at)}, ${causeText(taken)}`] as const]),
    ...(story.formerIdentity === undefined ? [] : [["before", story.formerIdentity] as const]),
    ...(story.at === undefined ? freeFact(story, now) : []),
    ...refused.map((one): Fact => ["refused", refusalText(one, now)]),
  ];
}

/** Events with which somebody comes to have an address. */
const BEGINNINGS: ReadonlySet<LedgerEntry["event"]> = new Set(["claimed", "imported", "transferred"]);

function freeFact({ state, until }: AddressStory, now: Date): readonly Fact[] {
  if (until !== undefined) return [["free", `${whenText(until, now)}${state === "claimed" ? ", then it rests" : ""}`]];
  if (state === "claimed" || state === "bound") return [["free", "when its claim is released, after a rest"]];
  return [];
}

function causeText({ event, actor, requestId, reason, formerIdentity }: LedgerEntry): string {
  const from = formerIdentity === undefined ? "" : ` from ${formerIdentity}`;
  const request = requestId === undefined ? "" : ` (request ${requestId})`;
  return `${event}${from} by ${actor}${request}${reason === undefined ? "" : `: ${reason}`}`;
}

function refusalText({ identity, actor, count = 1, at, reason }: LedgerEntry, now: Date): string {
  const times = count === 1 ? "once" : `${count} times`;
  return `${times}, the last time ${identity} by ${actor}, ${whenText(at, now)}${reason === undefined ? "" : `: ${reason}`}`;
}

/** `"2026-11-20T10:00:00.000Z (5 minutes 12 seconds ago)"`. */
function whenText(time: string, now: Date, word = "ago"): string {
  const past = now.getTime() - Date.parse(time);
  if (Math.abs(past) < 1000) return time;
  return `${time} (${past > 0 ? `${durationText(past)} ${word}` : `in ${durationText(-past)}`})`;
}

function historyText(story: AddressStory): string {
  if (story.history.length === 0) return "";
  const { at } = story;
  if (at === undefined) {
    const older = story.more === true ? `older: holdfast ledger list --address ${story.address} --since 400d\n` : "";
    return `\n${older}${formatHistory(story.history)}`;
  }
  const before = story.history.filter((entry) => Date.parse(entry.at) <= Date.parse(at));
  const after = story.history.slice(before.length);
  const part = (title: string, entries: readonly LedgerEntry[]): string =>
    entries.length === 0 ? "" : `\n${title}:\n${formatHistory(entries)}`;
  return part("up to then", before) + part("after that", after);
}

function formatHistory(history: readonly LedgerEntry[]): string {
  return formatTable(
    [
      { title: "AT", text: ({ at }) => at },
      { title: "EVENT", text: ({ event }) => event },
      { title: "IDENTITY", text: ownersText },
      { title: "NODE", text: ({ node }) => node ?? "" },
      { title: "BY", text: ({ actor }) => actor },
      {
        title: "REASON",
        text: ({ reason, count }) =>
          [reason, count !== undefined && count > 1 ? `(${count} times)` : ""].filter(Boolean).join(" "),
      },
      { title: "REQUEST", text: ({ requestId }) => requestId ?? "" },
    ],
    history,
  );
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
