import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { FakeEndpoint } from "../src/testing/fake-workloads.ts";
import type { DockerSpace } from "./docker-space.ts";
import type { PluginRequest } from "./plugin-process.ts";

/** The plugin, running as a process of its own inside the namespaces of a dockerd. */
export interface PluginHandle {
  ask(request: PluginRequest): Promise<unknown>;
  /** Attachments that hold an address. */
  endpoints(): Promise<readonly FakeEndpoint[]>;
  /** What the plugin has logged, one line each. */
  events(): Promise<string>;
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

export async function startPluginProcess(space: DockerSpace): Promise<PluginHandle> {
  const [enter = "", ...rest] = space.prefix;
  const argv = [...rest, process.execPath, join(import.meta.dirname, "plugin-process.ts")];
  const child = spawn(enter, argv, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  // Every question waits for the end of the process, too.
  child.setMaxListeners(0);
  let last = 0;
  await answerTo(child, 0);
  const ask = async (request: PluginRequest): Promise<unknown> => {
    const id = ++last;
    const answered = answerTo(child, id);
    child.send({ id, request });
    return await answered;
  };
  return {
    ask,
    endpoints: async () => (await ask({ kind: "endpoints" })) as FakeEndpoint[],
    events: async () => ((await ask({ kind: "events" })) as string[]).join("\n"),
  };
}

function answerTo(child: ChildProcess, id: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onMessage = (answer: Answer): void => {
      if (answer.id !== id) return;
      child.off("message", onMessage).off("exit", onExit);
      if (answer.error === undefined) resolve(answer.value);
      else reject(new Error(answer.error));
    };
    child.on("message", onMessage);
    const onExit = (code: number | null): void => reject(new Error(`the plugin's process has ended with ${code}`));
    child.once("exit", onExit);
  });
}
