import type { Family, Name } from "@holdfast/core";
import type { BlockRules, PolicyBlock } from "./policy-block.ts";
import { formatRuleId } from "./rule-id.ts";
import type { Direction, Path, Program, ProgramId, ProgramRule, Section, Stage } from "./rule-program.ts";
import { setIdOf } from "./set-source.ts";
import { matchesEverything } from "./stages.ts";
import { textHash } from "./text-hash.ts";

/** What a program is made of; blocks are referred to, so that it changes only when its endpoints' policies become others. */
export interface ProgramOutline {
  readonly id: ProgramId;
  readonly tenant: Name;
  /** In the order in which they are asked. */
  readonly blocks: readonly PolicyBlock["id"][];
  readonly ingress: OutlineDefault;
  readonly egress: OutlineDefault;
}

/** What becomes of what no block has decided about. */
export interface OutlineDefault {
  readonly verdict: "allow" | "deny";
  /** Whose default it is; absent: the tenant's. */
  readonly network?: Name | undefined;
}

/** With the id that outlines of the same content have everywhere. */
export function outlineOf(outline: Omit<ProgramOutline, "id">): ProgramOutline {
  const { tenant, blocks, ingress, egress } = outline;
  const text = JSON.stringify([blocks, ingress.verdict, ingress.network ?? "", egress.verdict, egress.network ?? ""]);
  return { ...outline, id: `${tenant}/${textHash(text)}` };
}

/** The program of an outline. Stages of blocks are taken as they are, so that programs share them, and versions what has not changed. */
export function link(outline: ProgramOutline, blocks: readonly PolicyBlock[]): Program {
  const family = (family: Family) => ({
    ingress: linkPath(outline, blocks, { direction: "ingress", family }),
    egress: linkPath(outline, blocks, { direction: "egress", family }),
  });
  return { id: outline.id, v4: family("v4"), v6: family("v6") };
}

interface Way {
  readonly direction: Direction;
  readonly family: Family;
}

function linkPath(outline: ProgramOutline, blocks: readonly PolicyBlock[], { direction, family }: Way): Path {
  const { tenant } = outline;
  const rulesOf = (block: PolicyBlock): BlockRules => block[family][direction];
  const closes = (block: PolicyBlock) => block.isolates.includes(direction);
  const tiers = [...Map.groupBy(blocks, ({ tier }) => tier).values()].map((ofTier) => {
    const closing = ofTier.find(closes);
    return {
      main: withClosing(
        ofTier.flatMap((block) => rulesOf(block).main),
        closing,
        direction,
      ),
      foreign: withClosing(
        ofTier.flatMap((block) => rulesOf(block).foreign),
        closing,
        direction,
      ),
    };
  });
  const { verdict, network } = outline[direction];
  const end = everything(formatRuleId({ kind: "default", tenant, network, direction }), verdict);
  const isolation = everything(formatRuleId({ kind: "isolation", tenant, direction }), "deny");
  return {
    realms: {
      own: setIdOf({ kind: "tenant", tenant, foreign: false }, family),
      platform: setIdOf({ kind: "platform" }, family),
    },
    main: sections([...tiers.map(({ main }) => main), [end]]),
    foreign: sections([...tiers.map(({ foreign }) => foreign), [isolation]]),
  };
}

function withClosing(
  stages: readonly Stage[],
  closing: PolicyBlock | undefined,
  direction: Direction,
): readonly Stage[] {
  if (closing === undefined) return stages;
  const [tenant = "", policy = ""] = closing.id.split("/");
  return [...stages, everything(formatRuleId({ kind: "isolates", tenant, policy, direction }), "deny")];
}

function everything(id: string, verdict: "allow" | "deny"): Stage {
  const rule: ProgramRule = { id, verdict, log: false, remote: "any", services: "any" };
  return { disjoint: true, rules: [rule] };
}

/** Tiers as sections: one ends where its rules pass, else the next tier goes on in it; what cannot be reached is left out. */
function sections(tiers: readonly (readonly Stage[])[]): Section[] {
  const done: Section[] = [];
  let open: Stage[] = [];
  for (const tier of tiers) {
    const end = tier.findIndex(({ rules }) => rules.some(matchesEverything));
    const reached = end < 0 ? tier : tier.slice(0, end + 1);
    open = [...open, ...reached];
    const passes = reached.some(({ rules }) => rules.some(({ verdict }) => verdict === "pass"));
    if (!passes && end < 0) continue;
    done.push({ stages: open });
    open = [];
    // Everything was decided, and nobody goes on.
    if (!passes) return done;
  }
  return open.length === 0 ? done : [...done, { stages: open }];
}
