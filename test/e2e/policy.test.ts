import type { LabHost } from "@holdfast/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repeated } from "./machine.ts";
import { Stage } from "./stage.ts";

interface Counters {
  readonly rules: readonly { readonly rule?: string; readonly packets: number }[];
}

let stage: Stage;
let db: string;

const LISTEN = ["sh", "-c", "while true; do echo hello | nc -l -p 5432; done"];

beforeAll(async () => {
  const signal = AbortSignal.timeout(120_000);
  stage = await Stage.create({ title: "policy", switchless: true }, signal);
  await stage.network("net", "--kind routed --subnet 10.20.0.0/16", signal);
  for (const [identity, app] of [
    ["web-0", "web"],
    ["db-0", "db"],
    ["other-0", "other"],
  ] as const) {
    await stage.holdfast(`claim create ${identity} --network net --label app=${app}`, signal);
  }
  await stage.holdfast("group create web --selector app=web", signal);
  await stage.holdfast("group create db --selector app=db", signal);
  const run = async (host: LabHost, name: string, command?: readonly string[]) => {
    const { addresses } = await stage.getClaim(`${name}-0`, "net", signal);
    const [address = ""] = addresses;
    await stage.run(host, name, { network: "net", address, ...(command === undefined ? {} : { command }) }, signal);
    return address;
  };
  await run(stage.h1, "web");
  await run(stage.h1, "other");
  db = await run(stage.h2, "db", LISTEN);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

/** Whether a container on the first host gets an answer of the database. */
async function connects(name: string, signal: AbortSignal): Promise<boolean> {
  const words = ["exec", name, "sh", "-c", `nc -w 1 ${db} 5432 < /dev/null`];
  return (await stage.h1.docker(words, { signal }).catch(() => "")).includes("hello");
}

/** What `policy explain` says of the same. */
async function explains(name: string, signal: AbortSignal): Promise<boolean> {
  const said = await stage.holdfast(`policy explain --from ${name}-0 --to db-0 --port 5432`, signal);
  return said.startsWith("allowed");
}

async function expectSoon(name: string, allowed: boolean, signal: AbortSignal): Promise<void> {
  await repeated(async () => ((await connects(name, signal)) === allowed ? true : undefined), signal);
  expect(await explains(name, signal)).toBe(allowed);
}

describe("a policy between containers on two machines", () => {
  test("is what explain says, from its first rule to its last", async ({ signal }) => {
    await expectSoon("web", true, signal);
    await expectSoon("other", true, signal);
    await stage.holdfast("policy create db --group db --isolate ingress", signal);
    await expectSoon("web", false, signal);
    await stage.holdfast("policy set-rule db ingress web --action allow --peer group=web --service tcp:5432", signal);
    await expectSoon("web", true, signal);
    await expectSoon("other", false, signal);
    expect(await stage.answers(stage.h1, "web", db, signal)).toBe(false);
  });

  test("counts what it has decided, and, staged, what it would decide", async ({ signal }) => {
    const counted = async (policy: string, rule: string | undefined): Promise<number> => {
      const said = JSON.parse(await stage.holdfast(`policy counters ${policy} -o json`, signal)) as Counters;
      return said.rules.find((row) => row.rule === rule)?.packets ?? 0;
    };
    await stage.holdfast("policy create shy --group web --isolate egress --staged", signal);
    // A node tells its counts every ten seconds; when it has the staged policy is not told.
    await repeated(async () => {
      expect(await connects("web", signal)).toBe(true);
      return (await counted("shy", undefined)) > 0 ? true : undefined;
    }, signal);
    expect(await counted("db", "web")).toBeGreaterThan(0);
    expect(await counted("db", undefined)).toBeGreaterThan(0);
    await stage.holdfast("policy delete shy", signal);
  });

  test("follows labels, and edits of a rule in its place", async ({ signal }) => {
    await stage.holdfast("claim update other-0 --network net --label app=web", signal);
    await expectSoon("other", true, signal);
    await stage.holdfast("policy set-rule db ingress web --action allow --peer group=web --service tcp:5433", signal);
    await expectSoon("other", false, signal);
    await stage.holdfast("policy delete db", signal);
    await expectSoon("web", true, signal);
  });
});
