import { DIALECTS, DOCKER_20, DockerCaller } from "@holdfast/docker-plugin/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runSuite } from "../conformance/cnm/suite.ts";
import { readBook } from "./book.ts";
import { killed, repeated } from "./machine.ts";
import { Stage } from "./stage.ts";

const plan = { pool: "10.20.0.0/16", ipamOptions: { "holdfast.network": "web" } };

let stage: Stage;
let socketPath: string;

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  stage = await Stage.create({ title: "cnm", vlans: { 100: ["10.20.0.1/16"] } }, signal);
  // What the host's own dockerd does not have, the agent would take back while it is looked at.
  await stage.lab.kill(stage.h1, "dockerd", signal);
  socketPath = stage.h1.path("/run/docker/plugins/holdfast.sock");
  await stage.holdfast("network create web --kind vlan --vlan 100 --subnet 10.20.0.0/16 --no-docker", signal);
  const body = { AddressSpace: "holdfast", Pool: plan.pool, SubPool: "", Options: plan.ipamOptions, V6: false };
  await repeated(async () => {
    const caller = new DockerCaller(socketPath, DOCKER_20);
    const known = await caller.expect("IpamDriver.RequestPool", body).catch(() => undefined);
    caller.close();
    return known;
  }, signal);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

describe("the conformance suite for CNM", () => {
  test.each(DIALECTS)("finds nothing wrong with our agent, Docker $name", async (dialect) => {
    const signal = AbortSignal.timeout(120_000);
    const subject = {
      socketPath,
      plan,
      freeAddress: "10.20.7.7",
      async crash() {
        await killed(stage.h1, "agent", signal);
        await stage.platform.startAgent(stage.h1);
      },
      async heldAddresses() {
        const { endpoints } = await readBook(stage.platform.client, signal);
        return endpoints.flatMap(({ addresses }) => addresses);
      },
    };
    const reports = await Array.fromAsync(runSuite(subject, { dialect }));
    expect(reports.filter(({ verdict }) => verdict.kind !== "passed")).toEqual([]);
  });
});
