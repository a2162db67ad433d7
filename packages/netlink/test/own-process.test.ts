import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { describe, expect, test } from "vitest";

import { withNamespace } from "../src/namespaces.ts";
import { createKernel } from "../src/rtnetlink-kernel.ts";
import { withTestNamespaces } from "../src/testing/test-namespaces.ts";

const INDEX = new URL("../src/index.ts", import.meta.url).href;

/**
 * Runs a script in a namespace, in a process of its own in which nothing else happens. `onLine` gets what it prints and may answer
 * on its standard input.
 */
async function runAlone(
  path: string,
  script: string,
  onLine: (line: string, answer: (text: string) => void) => Promise<void> | void = () => {},
): Promise<{ readonly status: number | null; readonly lines: readonly string[] }> {
  // When this process is killed the pipe ends, and so does the child.
  const source = `
    import { createKernel, withNamespace } from ${JSON.stringify(INDEX)};
    process.stdin.on("end", () => process.exit(9)).resume().unref();
    ${script}`;
  const child = withNamespace(path, () =>
    spawn(process.execPath, ["--input-type=module", "-e", source], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  try {
    const exit = once(child, "exit");
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      await onLine(line, (text) => child.stdin.write(`${text}\n`));
    }
    const [status] = await exit;
    return { status, lines };
  } finally {
    child.kill("SIGKILL");
  }
}

describe("in a process of its own", () => {
  test("a watch alone wakes the process, and lets it end once it is aborted", async () => {
    await withTestNamespaces(1, async ([{ path }]) => {
      const outside = await createKernel();
      const kernel = await outside.enter(path);
      const script = `
        const stop = new AbortController();
        const kernel = await createKernel();
        const events = kernel.watch(stop.signal);
        console.log("watching");
        for await (const event of events) {
          if (event.kind === "link-gone") stop.abort();
        }
        console.log("ended");
        await kernel.close();`;
      const { status, lines } = await runAlone(path, script, async (line) => {
        if (line !== "watching") return;
        await kernel.createVeth({ name: "h1", peer: "p1", mtu: 1500 });
        await kernel.deleteLink("h1");
      });
      expect({ status, lines }).toEqual({ status: 0, lines: ["watching", "ended"] });
      await kernel.close();
      await outside.close();
    });
  });

  test("a watch that is not aborted keeps the process", async () => {
    await withTestNamespaces(1, async ([{ path }]) => {
      const script = `
        const stop = new AbortController();
        const events = (await createKernel()).watch(stop.signal);
        process.stdin.once("data", () => stop.abort());
        setTimeout(() => console.log("still here"), 100).unref();
        for await (const event of events) console.log(event.kind);
        console.log("ended");`;
      const { lines } = await runAlone(path, script, (line, answer) => {
        if (line === "still here") answer("stop");
      });
      expect(lines).toEqual(["still here", "ended"]);
    });
  });

  test("libuv's threads stay at home even when they are first needed on a visit", async () => {
    await withTestNamespaces(2, async ([{ path }, other]) => {
      const script = `
        import fs from "node:fs";
        const kernel = await createKernel();
        withNamespace(${JSON.stringify(other?.path)}, () => fs.stat("/", () => {}));
        const spaces = fs.readdirSync("/proc/self/task").map((task) => fs.readlinkSync("/proc/self/task/" + task + "/ns/net"));
        console.log(new Set(spaces).size, spaces.length > 4);`;
      expect((await runAlone(path, script)).lines).toEqual(["1 true"]);
    });
  });
});
