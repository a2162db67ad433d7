import type { FlowExporter } from "@holdfast/model";
import type { Values } from "./values.ts";

/**
 * For how long nothing came of each agent address, in seconds. Sub-agents are taken together: Open vSwitch numbers its bridges anew whenever it
 * likes, and a number that is not used any more would be silent for ever.
 *
 * @param at moment that is looked at, in milliseconds since 1970
 * @param since when the collector began to listen: before, nobody knows who was silent. Who has not been heard since is known to be silent when
 *   that is `level` seconds ago
 */
export function silenceValues(
  exporters: readonly FlowExporter[],
  { at, since, level }: { readonly at: number; readonly since: number; readonly level: number },
): Values {
  const heard = new Map<string, { readonly node: string | undefined; readonly at: number }>();
  for (const { agent, node, heardAt } of exporters) {
    const moment = Date.parse(heardAt);
    if (moment >= (heard.get(agent)?.at ?? 0)) heard.set(agent, { node, at: moment });
  }
  const secondsSince = (moment: number): number => Math.max(0, at - moment) / 1000;
  return {
    kind: "known",
    observations: Array.from(heard, ([agent, { node, at: moment }]) => ({
      id: JSON.stringify([agent]),
      key: { exporter: agent, ...(node === undefined ? {} : { node }) },
      value: secondsSince(moment),
    })),
    absent: secondsSince(since) >= level ? secondsSince(since) : undefined,
  };
}
