import { createKernel, createTrafficControl, deleteNamespace } from "../src/index.ts";
import { createTestNamespace, trafficCompliance } from "../src/testing/index.ts";

trafficCompliance("rtnetlink", async () => {
  const { path } = await createTestNamespace();
  const outside = await createKernel();
  const kernel = await outside.enter(path);
  await outside.close();
  const traffic = await createTrafficControl(path);
  return {
    kernel,
    traffic,
    async [Symbol.asyncDispose]() {
      traffic.close();
      await kernel.close();
      await deleteNamespace(path);
    },
  };
});
