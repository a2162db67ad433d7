import { HoldfastError } from "@holdfast/core";
import { type Difference, routes, type VerificationMessage } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, flag, text } from "../define-command.ts";
import { machineText } from "../output/print.ts";
import { formatTable } from "../output/table.ts";

type End = Extract<VerificationMessage, { kind: "end" }>;
type Unproven = Extract<VerificationMessage, { kind: "unproven" }>;

/** What one round has found. */
interface Report {
  readonly differences: readonly Difference[];
  readonly unproven: readonly Unproven[];
  readonly end: End;
}

/** Milliseconds between two words about how far it is. */
const PROGRESS_PAUSE = 1000;

interface Asked {
  readonly network: string | undefined;
  readonly node: string | undefined;
  readonly fix: boolean;
}

async function verifyOnce(context: Context, { fix, network, node }: Asked): Promise<Report> {
  const { client, call, namedTenant: tenant } = context;
  const query = { tenant, network, node, fix: fix ? ("true" as const) : ("false" as const) };
  const differences: Difference[] = [];
  const unproven: Unproven[] = [];
  const say = progressLines(context);
  for await (const message of client.stream(routes.verifyAddresses, { query }, call)) {
    switch (message.kind) {
      case "progress":
        say(message);
        break;
      case "difference":
        differences.push(message.difference);
        break;
      case "unproven":
        unproven.push(message);
        break;
      case "error":
        throw new HoldfastError("unavailable", `the verification was broken off: ${message.problem.detail}`);
      case "end":
        return { differences, unproven, end: message };
    }
  }
  throw new HoldfastError("unavailable", "the verification was broken off: run it again");
}

/** On the side where errors go, so that what is found can be piped; only for people, and only when it takes long. */
function progressLines({ io, output }: Context): (message: Extract<VerificationMessage, { kind: "progress" }>) => void {
  let last = io.now().getTime();
  return ({ stage, done, total }) => {
    const now = io.now().getTime();
    if (output !== "table" || now - last < PROGRESS_PAUSE) return;
    last = now;
    io.err(
      stage === "waiting"
        ? "waiting for another verification\n"
        : `${stage}: ${done}${total === undefined ? "" : ` of ${total}`}\n`,
    );
  };
}

function stateOf({ outcome, proven, repairable, observations }: Difference): string {
  if (outcome !== undefined) return outcome.repaired ? "repaired" : "left alone";
  if (proven) return repairable ? "proven" : "by hand";
  return observations === 1 ? "seen once" : `seen ${observations} times`;
}

function peopleText({ differences, unproven, end }: Report, { fix }: Asked): string {
  const { nodes, endpoints, claims, addresses, history } = end.checked;
  const table = formatTable<Difference>(
    [
      { title: "KIND", text: ({ kind }) => kind },
      { title: "OBJECT", text: ({ object }) => object },
      { title: "STATE", text: stateOf },
      { title: "SINCE", text: ({ firstSeen }) => firstSeen },
    ],
    differences,
  );
  const sentences = differences.map(sentenceOf).join("");
  const silent = unproven.map(({ node, reason }) => `node ${node} proves nothing: ${reason}\n`).join("");
  const looked = `looked at: nodes ${nodes}, endpoints ${endpoints}, claims ${claims}, addresses ${addresses}, history ${history}\n`;
  if (differences.length === 0) return `${silent}${looked}no difference\n`;
  const more = end.unlisted === 0 ? "" : `and ${end.unlisted} more that are not listed\n`;
  return `${table}\n${sentences}\n${more}${silent}${looked}${verdict(end, fix)}`;
}

function sentenceOf({ object, book, world, remedy, repairable, outcome }: Difference): string {
  const done = outcome === undefined ? `${repairable ? "a repair" : "to do"}: ${remedy}` : outcome.detail;
  return `${object}\n  book:  ${book}\n  world: ${world}\n  ${done}\n`;
}

function verdict({ differences, repaired, proven, again }: End, fix: boolean): string {
  const count = `${differences} ${differences === 1 ? "difference" : "differences"}`;
  if (fix) return `${count}, ${repaired} repaired\n`;
  const wait = again > 0 ? `; what is seen again after ${again} s is proven` : "";
  return `${count}, ${proven} proven${wait}; repair what is proven: holdfast ip verify --fix\n`;
}

/** Looks; with `--fix` once more after the time of a proof, when something waits for that. */
async function verify(context: Context, asked: Asked, waits: boolean): Promise<Report> {
  const first = await verifyOnce(context, asked);
  const { again } = first.end;
  if (!asked.fix || !waits || again === 0) return first;
  if (context.output === "table") {
    context.io.err(
      `${first.differences.length} seen; looking again in ${again} s, for nothing is repaired on one look\n`,
    );
  }
  await context.io.wait(again * 1000);
  const second = await verifyOnce(context, asked);
  const repairedBefore = first.differences.filter(({ outcome }) => outcome?.repaired === true);
  const { end } = second;
  const totals = {
    differences: end.differences + repairedBefore.length,
    repaired: end.repaired + repairedBefore.length,
  };
  return { ...second, differences: [...repairedBefore, ...second.differences], end: { ...end, ...totals } };
}

export const verifyCommand: CommandDefinition = {
  name: "verify",
  summary: "Compare the address book with itself and with the nodes. Exit code 0: no difference is left; 1: some are.",
  options: [
    ["-n, --network <name>", "Only of this network.", "network"],
    ["--node <name>", "Only on this node.", "node"],
    [
      "--fix",
      "Repair what two observations prove; looks twice when need be, and says of each what was done or why not.",
    ],
    ["--no-wait", "With --fix: do not wait for the second look; repair only what was seen before."],
    ["--dry-run", "Only look. This is what it does without --fix."],
  ],
  examples: ["ip verify", "ip verify --node h1", "ip verify --tenant blue --network web --fix", "ip verify -o json"],
  async run(context, _, options) {
    const fix = flag(options, "fix") === true;
    if (fix && flag(options, "dryRun") === true) {
      throw new HoldfastError("invalid_argument", "--fix does not go with --dry-run; take one of them");
    }
    const network = text(options, "network");
    const asked = { network, node: text(options, "node"), fix };
    // A network's name means something in a tenant only.
    const within = network === undefined ? context : { ...context, namedTenant: context.tenant };
    const report = await verify(within, asked, flag(options, "wait") !== false);
    const { io, output } = context;
    io.out(output === "table" ? peopleText(report, asked) : machineText(output, report));
    const left = report.end.differences - report.end.repaired;
    if (left > 0)
      throw new HoldfastError("conflict", `${left} ${left === 1 ? "difference is" : "differences are"} left`);
  },
};
