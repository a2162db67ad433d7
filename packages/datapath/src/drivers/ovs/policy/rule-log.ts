import { errorText, type Logger } from "@holdfast/core";
import type { PacketIn } from "@holdfast/openflow";
import type { RuleId } from "@holdfast/policy";
import { PORT } from "../pipeline/layout.ts";
import { frameText } from "./frame-text.ts";
import { Register } from "./layout.ts";

/** Where lines about packets go: the machine's kernel log, which has those of routed networks. */
export type PacketLog = (line: string) => Promise<void>;

export interface RuleLogDependencies {
  readonly write: PacketLog;
  readonly logger: Logger;
  /** Which rules a number stands for. */
  readonly named: (number: bigint) => readonly { readonly rule: RuleId }[];
  /** The name of the link at a port. */
  readonly linkName: (port: number) => string;
}

/** Writes a line about a packet that a rule with `log` has sent here, as the kernel does: its id, the link, addresses and ports. */
export function createRuleLog({ write, logger, named, linkName }: RuleLogDependencies): (packet: PacketIn) => void {
  return ({ match, frame }) => {
    const [high, low] = Register.rule.map((name) => match.registers?.[name] ?? 0);
    if (typeof high !== "number" || typeof low !== "number") return;
    const [decided] = named((BigInt(high) << 32n) | BigInt(low));
    if (decided === undefined) return;
    const into = match.registers?.[PORT];
    // The port it goes to is known when its own policy decides, and only then.
    const links = typeof into === "number" ? ["", linkName(into)] : [linkName(match.inPort ?? 0), ""];
    const line = `${decided.rule} IN=${links[0]} OUT=${links[1]} ${frameText(frame)}`;
    write(line).catch((error: unknown) => logger.info("policy rule", { packet: line, error: errorText(error) }));
  };
}
