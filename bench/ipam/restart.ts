import { join } from "node:path";
import { claimNumbered, createNetwork } from "./claims.ts";
import { type ControllerProcess, startController } from "./controller-process.ts";
import { runLoad } from "./load.ts";

const ENDPOINTS = 100_000;
const NODES = 100;

/** How long a controller with 100,000 claims, each with an endpoint on one of 100 nodes, takes to start until it is ready. */
export async function measureRestart(folder: string): Promise<number> {
  const data = join(folder, "restart.db");
  {
    await using controller = await startController(data);
    await fill(controller);
  }
  await using again = await startController(data);
  return again.readySeconds;
}

async function fill(controller: ControllerProcess): Promise<void> {
  await createNetwork(controller, "web", "10.16.0.0/12");
  await claimNumbered(controller, "web", ENDPOINTS);
  for (let node = 0; node < NODES; node++) {
    await controller.call("PUT", `/v1/nodes/b${node}`, { version: "bench" });
  }
  await runLoad({
    port: controller.port,
    path: "/v1/nodes/b%/reservations",
    body: '{"endpoint":"e#","tenant":"default","network":"web","identity":"w-#","workload":{"runtime":"docker"}}',
    clients: 64,
    requests: ENDPOINTS,
  });
}
