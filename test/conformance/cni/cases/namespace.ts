import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { Code, type ConformanceCase } from "../conformance-case.ts";

/** The last is the machine's: of this program and of the plugin, which runs beside it. */
const NOT_OF_A_CONTAINER = {
  "a path that does not exist": "/run/netns/there-is-none",
  "a plain file": "/etc/hostname",
  "a folder": "/run",
  "a device": "/dev/null",
  "a namespace of another kind": "/proc/self/ns/uts",
  "the machine's own namespace": `/proc/${process.pid}/ns/net`,
} as const;

export const namespaceCases: readonly ConformanceCase[] = [
  ...Object.entries(NOT_OF_A_CONTAINER).map(
    ([what, netns]): ConformanceCase => ({
      id: `netns-${what.replaceAll(/\W+/g, "-")}`,
      title: `ADD with ${what} for a namespace is refused with code 4 or 8, without an effect`,
      run: async ({ plugin, container, withoutEffect }) => {
        const { id } = await container();
        const call = { container: { id, netns }, ifName: "cni-own0" };
        try {
          await withoutEffect(async () => {
            await plugin.failWith([Code.invalidEnvironment, Code.invalidNamespace], "ADD", call);
          });
        } catch (error) {
          await plugin.call("DEL", call);
          throw error;
        }
      },
    }),
  ),
  {
    id: "netns-machine-del",
    title: "DEL with the machine's own namespace changes nothing of it",
    run: async ({ plugin, container, withoutEffect }) => {
      const { id } = await container();
      const lo = { container: { id, netns: `/proc/${process.pid}/ns/net` }, ifName: "lo" };
      await withoutEffect(async () => {
        await plugin.call("DEL", lo);
      });
    },
  },
  {
    id: "netns-vanishes",
    title: "a namespace that vanishes during ADD: a result or an error, and after DEL nothing is left",
    run: async ({ plugin, container, withoutRest }) => {
      await withoutRest(async () => {
        for (let delay = 0; delay < 24; delay += 2) {
          const inside = await container();
          const [{ code, stdout }] = await Promise.all([
            plugin.call("ADD", { container: inside }),
            pause(delay).then(() => inside.remove()),
          ]);
          assert.ok(code === 0 || code === 1, `exit code ${code}`);
          assert.doesNotThrow(() => JSON.parse(stdout), `standard output is not JSON: ${stdout}`);
          await plugin.succeed("DEL", { container: { id: inside.id } });
        }
      });
    },
  },
];
