import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repeated } from "./machine.ts";
import { Stage } from "./stage.ts";

let stage: Stage;
let web: string;

const MEGABYTES = 2;
const SERVE = ["sh", "-c", `dd if=/dev/zero of=/big bs=1M count=${MEGABYTES} && httpd -f -h /`];

beforeAll(async () => {
  const signal = AbortSignal.timeout(120_000);
  stage = await Stage.create({ title: "qos", switchless: true }, signal);
  await stage.network("net", "--kind routed --subnet 10.20.0.0/16", signal);
  await stage.holdfast("qos create bulk --egress-rate 10Mbit", signal);
  await stage.holdfast("group create web --selector app=web --qos bulk", signal);
  await stage.holdfast("claim create web-0 --network net --label app=web", signal);
  await stage.holdfast("claim create client-0 --network net", signal);
  const { addresses } = await stage.getClaim("web-0", "net", signal);
  [web = ""] = addresses;
  await stage.run(stage.h1, "web", { network: "net", address: web, command: SERVE }, signal);
  const client = await stage.getClaim("client-0", "net", signal);
  await stage.run(stage.h2, "client", { network: "net", address: client.addresses[0] ?? "" }, signal);
  const there = ["exec", "client", "wget", "-q", "-O", "/dev/null", `http://${web}/big`];
  await repeated(() => stage.h2.docker(there, { signal }).catch(() => undefined), signal);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

/** Seconds of one transfer. */
async function transfer(signal: AbortSignal): Promise<number> {
  const begun = performance.now();
  await stage.h2.docker(["exec", "client", "wget", "-q", "-O", "/dev/null", `http://${web}/big`], { signal });
  return (performance.now() - begun) / 1000;
}

/** Until a change has come to the machine. */
async function soon(isRight: (seconds: number) => boolean, signal: AbortSignal): Promise<void> {
  await repeated(async () => (isRight(await transfer(signal)) ? true : undefined), signal);
}

describe("a QoS profile of a group", () => {
  const atTenMbit = (MEGABYTES * 8.39) / 10;

  test("limits a container from its first packet, follows edits, and goes with its group", async ({ signal }) => {
    expect(await transfer(signal)).toBeGreaterThan(0.9 * atTenMbit);
    expect(await stage.holdfast("qos explain web-0 --network net", signal)).toContain("has bulk, named by group web");
    await stage.holdfast("qos set bulk --egress-rate 200Mbit", signal);
    await soon((seconds) => seconds < 0.6 * atTenMbit, signal);
    await stage.holdfast("qos set bulk --egress-rate 10Mbit", signal);
    await soon((seconds) => seconds > 0.9 * atTenMbit, signal);
    await expect(stage.holdfast("qos delete bulk", signal)).rejects.toThrow("named by 1 group, e.g. web");
    await stage.holdfast("group update web --qos none", signal);
    await soon((seconds) => seconds < 0.6 * atTenMbit, signal);
    await stage.holdfast("qos delete bulk", signal);
  });
});
