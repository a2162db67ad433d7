import { silentLogger } from "@holdfast/core";
import { expect, test } from "vitest";
import { FakeEngine } from "../testing/fake-engine.ts";
import { leaveEngine } from "./leaving.ts";
import { MANAGED_LABEL } from "./network-plan.ts";

test("leaving takes containers off our docker networks, removes these, and leaves those of others", async () => {
  const engine = new FakeEngine();
  const more = { options: {}, ipamOptions: {}, subnets: [] };
  engine.add("web", { ...more, labels: { [MANAGED_LABEL]: "true" } });
  engine.add("by-hand", { ...more, labels: {} });
  const [web] = engine.networkList;
  if (web === undefined) throw new TypeError("no network");
  engine.networkList[0] = { ...web, endpoints: [{ id: "e1", container: "redis" }] };
  expect(await leaveEngine(engine, silentLogger, AbortSignal.timeout(1000))).toEqual(["web"]);
  expect(engine.networkList.map(({ name }) => name)).toEqual(["by-hand"]);
  expect(await leaveEngine(engine, silentLogger, AbortSignal.timeout(1000))).toEqual([]);
});
