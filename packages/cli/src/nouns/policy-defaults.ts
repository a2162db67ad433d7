import { HoldfastError } from "@holdfast/core";
import type { PolicyDefaults } from "@holdfast/model";
import { type CommandDefinition, type CommandOptions, texts } from "../define-command.ts";

/** Of `create`. */
export const policyDefaultOption: NonNullable<CommandDefinition["options"]>[number] = [
  "--policy-default <direction=action...>",
  "What becomes of connections that no policy has decided about, e.g. ingress=deny egress=allow.",
  ["ingress=allow", "ingress=deny", "egress=allow", "egress=deny"],
];

/** As a request says it; absent: nothing was said. @throws HoldfastError `invalid_argument`. */
export function policyDefaultsOf(options: CommandOptions): { policyDefaults?: PolicyDefaults } {
  const given = texts(options, "policyDefault");
  if (given.length === 0) return {};
  const parts = given.map((text) => {
    const [, direction, action] = /^(ingress|egress)=(allow|deny)$/.exec(text) ?? [];
    if (direction === undefined)
      throw new HoldfastError("invalid_argument", `--policy-default ${text}: write ingress=deny, egress=allow`);
    return [direction, action];
  });
  return { policyDefaults: Object.fromEntries(parts) as PolicyDefaults };
}

/** E.g. `"ingress deny, egress allow"`; what is not said is as above. */
export function policyDefaultsText(defaults: PolicyDefaults | undefined, above: string): string {
  return `ingress ${defaults?.ingress ?? above}, egress ${defaults?.egress ?? above}`;
}
