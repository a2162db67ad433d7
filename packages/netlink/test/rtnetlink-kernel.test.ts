import { execFileSync } from "node:child_process";

import { describe } from "vitest";

import { deleteNamespace, withNamespace } from "../src/namespaces.ts";
import { createKernel } from "../src/rtnetlink-kernel.ts";
import { type KernelEnvironment, kernelCompliance } from "../src/testing/kernel-compliance.ts";
import { createTestNamespace } from "../src/testing/test-namespaces.ts";

describe.each([
  { name: "rtnetlink kernel", isBusy: false },
  { name: "rtnetlink kernel, while others wait for its thread", isBusy: true },
])("$name", ({ name, isBusy }) => {
  kernelCompliance(name, () => makeEnvironment(() => isBusy));
});

async function makeEnvironment(isBusy: () => boolean): Promise<KernelEnvironment> {
  await using undo = new AsyncDisposableStack();
  const createNamespace = async (): Promise<string> => {
    const { path } = await createTestNamespace();
    cleanup.defer(() => deleteNamespace(path));
    return path;
  };
  const cleanup = undo.use(new AsyncDisposableStack());
  const own = await createNamespace();
  const outside = await createKernel({ isBusy });
  const kernel = await outside.enter(own);
  cleanup.defer(() => kernel.close());
  await outside.close();

  const all = undo.move();
  return {
    kernel,
    plainFile: import.meta.filename,
    createNamespace,
    removeNamespace: deleteNamespace,
    async createBridge(name) {
      withNamespace(own, () => execFileSync("ip", ["link", "add", name, "type", "bridge"]));
    },
    async [Symbol.asyncDispose]() {
      await all.disposeAsync();
    },
  };
}
