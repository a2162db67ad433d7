import { type Reached, removeDurably, writeAtomically } from "./atomic-file.ts";

/** One change of a file, and why it is to be. */
export type Step =
  | {
      readonly action: "write";
      readonly path: string;
      readonly reason: string;
      readonly content: Uint8Array;
      readonly mode: number;
    }
  | { readonly action: "remove"; readonly path: string; readonly reason: string };

/** Does the steps in their order; broken off anywhere, doing it anew makes good what is missing. */
export async function carryOut(steps: readonly Step[], reached?: Reached): Promise<void> {
  for (const step of steps) {
    if (step.action === "write") await writeAtomically(step.path, step, reached);
    else await removeDurably(step.path, reached);
  }
}
