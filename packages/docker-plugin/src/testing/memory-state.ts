import { systemClock } from "@holdfast/core";
import { openMemoryStore } from "@holdfast/store";
import { createPluginMemory, type PluginMemory, type PluginState, type StateChange } from "../drivers/state.ts";

/** Keeps the plugin's state as long as the test lives: it outlives a plugin that is started again. */
export class MemoryState implements PluginMemory {
  #memory = createPluginMemory(openMemoryStore({ clock: systemClock }));
  /** Every change, in order, e.g. `"network abc"`. */
  readonly writes: string[] = [];

  load(): Promise<PluginState> {
    return this.#memory.load();
  }

  write(change: StateChange): Promise<void> {
    this.writes.push(`${change.kind} ${change.id}`);
    return this.#memory.write(change);
  }

  /** Forgets everything, as when somebody has removed the file. */
  forget(): void {
    this.#memory = createPluginMemory(openMemoryStore({ clock: systemClock }));
  }
}
