import type { PluginState, StateStore } from "../drivers/state.ts";

/** Keeps the plugin's state in memory, as long as the test lives: it outlives a plugin that is started again. */
export class MemoryState implements StateStore {
  #text: string | undefined;
  /** How often the state was saved so that it survives a power loss. */
  durableSaves = 0;

  async load(): Promise<PluginState | undefined> {
    return this.#text === undefined ? undefined : (JSON.parse(this.#text) as PluginState);
  }

  async save(state: PluginState, { durable }: { readonly durable: boolean }): Promise<void> {
    this.#text = JSON.stringify(state);
    if (durable) this.durableSaves += 1;
  }

  /** Forgets everything, as when somebody has removed the file. */
  forget(): void {
    this.#text = undefined;
  }
}
