import type { Name } from "@holdfast/core";
import type { NodeInventory } from "@holdfast/model";
import type { Inventories } from "../nodes/inventories.ts";
import type { Platform } from "../platform.ts";
import type { Finding } from "./finding.ts";
import { checkNode } from "./node-check.ts";
import type { Repairs } from "./repairs.ts";

/**
 * Records at once what runs on a node and is not in the book, e.g. after the book was restored from an older copy: until then its addresses are free to
 * be given to others. It takes nothing from anybody, so there is no time to wait for between two looks; there are two all the same, for what has just
 * ended is not to be recorded.
 */
export interface Adoption {
  /** A node has connected, and this is what it has. Returns at once. */
  connected(node: Name, inventory: NodeInventory): void;
  /** Runs until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export interface AdoptionDependencies {
  readonly platform: Pick<Platform, "state" | "logger">;
  /** Later than construction: a node that tells what it has leads here. */
  readonly inventories: () => Pick<Inventories, "ask">;
  readonly repairs: Repairs;
}

export function createAdoption({ platform, inventories, repairs }: AdoptionDependencies): Adoption {
  const { state, logger } = platform;
  const waiting = new Map<Name, ReadonlySet<string>>();
  let wake = (): void => undefined;

  function adoptable(node: Name, inventory: NodeInventory): readonly Finding[] {
    return [...checkNode(state, node, inventory, new Map())].filter(({ repair }) => repair?.kind === "adopt");
  }

  async function adopt(node: Name, suspects: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const said = await inventories().ask(node, signal);
    // The rounds of verification find it later.
    if ("reason" in said) return;
    for (const finding of adoptable(node, said).filter(({ object }) => suspects.has(object))) {
      const why = { actor: "controller/adoption", proof: `${finding.world}, and the book did not` };
      const { detail } = await repairs.carryOut(finding, why);
      logger.warn("an endpoint that runs was not in the book", { endpoint: finding.object, node, detail });
    }
  }

  return {
    connected(node, inventory) {
      const suspects = adoptable(node, inventory).map(({ object }) => object);
      if (suspects.length === 0) return;
      waiting.set(node, new Set(suspects));
      wake();
    },

    async run(signal) {
      while (!signal.aborted) {
        const batch = [...waiting];
        waiting.clear();
        // Only the end of the controller breaks one off.
        await Promise.allSettled(batch.map(([node, suspects]) => adopt(node, suspects, signal)));
        if (waiting.size === 0 && !signal.aborted) {
          await new Promise<void>((resolve) => {
            wake = resolve;
            signal.addEventListener("abort", wake, { once: true });
          });
          signal.removeEventListener("abort", wake);
        }
      }
    },
  };
}
