import { runScenario, type ScenarioOptions } from "./scenario.ts";

/** A program: runs each scenario that its parent sends, and answers with what it came to. Ends with its parent. */
process.on("message", (options: ScenarioOptions) => void answer(options));

async function answer(options: ScenarioOptions): Promise<void> {
  const { digest, events, failure } = await runScenario(options);
  process.send?.({ digest, events, failure });
}
