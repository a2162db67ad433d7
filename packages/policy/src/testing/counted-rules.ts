import { type Contains, matches, type Packet } from "../decide.ts";
import type { Program, RuleId } from "../rule-program.ts";

/** Which rules count a packet, in order: those that pass it on to the next section, and the one that decides. */
export function countedRules(program: Program, packet: Packet, contains: Contains): readonly RuleId[] {
  const { realms, main, foreign } = (packet.remote.includes(":") ? program.v6 : program.v4)[packet.direction];
  const isForeign = !contains(realms.own, packet.remote) && contains(realms.platform, packet.remote);
  const counted: RuleId[] = [];
  for (const { stages } of isForeign ? foreign : main) {
    const rule = stages.flatMap(({ rules }) => rules).find((each) => matches(each, packet, contains));
    if (rule === undefined) continue;
    counted.push(rule.id);
    if (rule.verdict !== "pass") return counted;
  }
  throw new TypeError(`bug: program ${program.id} does not end with a rule for everything`);
}
