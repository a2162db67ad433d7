import { beforeEach, describe, expect, test } from "vitest";

import type { Kernel } from "../../kernel.ts";
import { collect } from "./event-sequence.ts";
import { type KernelEnvironment, type KernelUnderTest, MTU } from "./kernel-under-test.ts";

/** How namespaces are entered, refused and lost. */
export function namespacesCompliance(name: string, subject: KernelUnderTest): void {
  describe(`${name}: namespaces`, () => {
    let environment: KernelEnvironment;
    let kernel: Kernel;
    beforeEach(() => {
      ({ environment, kernel } = subject);
    });
    const { attach } = subject;

    test("that are none are refused", async () => {
      const { plainFile } = environment;
      const gone = await environment.createNamespace();
      await environment.removeNamespace(gone);
      const veth = { name: "h1", peer: "eth0", mtu: MTU };
      for (const [path, code] of [
        [plainFile, "invalid_argument"],
        [gone, "not_found"],
      ] as const) {
        await expect(kernel.enter(path)).rejects.toMatchObject({ code, message: expect.stringContaining(path) });
        await expect(kernel.createVeth({ ...veth, peerNamespace: path })).rejects.toMatchObject({ code });
        await expect(kernel.setLink("lo", { namespace: path })).rejects.toMatchObject({ code });
      }
      expect(await kernel.listLinks()).toHaveLength(1);
    });

    test("that vanish take the veths into them along", async () => {
      const stop = new AbortController();
      const events = kernel.watch(stop.signal)[Symbol.asyncIterator]();
      const path = await environment.createNamespace();
      await kernel.createVeth({ name: "h1", peer: "eth0", peerNamespace: path, mtu: MTU, up: true });
      await environment.removeNamespace(path);
      const seen = await collect(events, (event) => event.kind === "link-gone");
      expect(seen.at(-1)).toMatchObject({ name: "h1" });
      expect(await kernel.getLink("h1")).toBeUndefined();
      stop.abort();
    });

    test("are entered from one another, by the same path", async () => {
      await using there = await attach();
      const again = await there.inside.enter(there.path);
      expect(await again.getLink("eth0")).toEqual(await there.inside.getLink("eth0"));
      await again.close();
      expect(await there.inside.getLink("eth0")).toMatchObject({ name: "eth0" });
    });
  });
}
