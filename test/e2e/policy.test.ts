import type { LabHost } from "@holdfast/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CniChange, cniCall } from "./cni-call.ts";
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

/** How many pings the database answers to a container on the first host that sends them from before its interface comes until seconds after. */
async function answered(name: string, change: CniChange, signal: AbortSignal): Promise<number> {
  await stage.h1.exec(["ip", "netns", "add", name], { signal });
  const pings = `while true; do ping -n -q -c 1 -W 0.2 ${db} > /dev/null 2>&1 && echo answered; done`;
  const sent = stage.h1.tryExec(["ip", "netns", "exec", name, "timeout", "2", "sh", "-c", pings], { signal });
  const result = await cniCall(stage.h1, `ADD ${name}`, signal, { network: "net", ...change });
  expect(result).toMatchObject({ ips: [{ address: expect.stringMatching(/^10[.]20[.]/) }] });
  const { stdout } = await sent;
  expect(await cniCall(stage.h1, `DEL ${name}`, signal, { network: "net", ...change })).toEqual({});
  await stage.h1.exec(["ip", "netns", "delete", name], { signal });
  return stdout.split("answered").length - 1;
}

describe("a container of a CNI runtime", () => {
  test("is under the policies that its labels and its namespace choose, from its first packet on", async ({
    signal,
  }) => {
    await stage.holdfast("group create mute --selector app=mute", signal);
    await stage.holdfast("group create dark --selector kubernetes.io/metadata.name=dark", signal);
    for (const group of ["mute", "dark"]) {
      await stage.holdfast(`policy create ${group} --group ${group} --isolate egress`, signal);
    }
    const labelled = (labels: string): CniChange => ({
      runtimeConfig: { "io.kubernetes.cri.pod-annotations": { "holdfast.io/labels": labels } },
    });
    const pod = (namespace: string): CniChange => ({
      args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=a`,
    });
    expect(await answered("loud", labelled("app=loud"), signal)).toBeGreaterThan(0);
    expect(await answered("mute", labelled("app=mute,tier=front"), signal)).toBe(0);
    expect(await answered("light", pod("light"), signal)).toBeGreaterThan(0);
    expect(await answered("dark", pod("dark"), signal)).toBe(0);
    for (const group of ["mute", "dark"]) await stage.holdfast(`policy delete ${group}`, signal);
    expect(await answered("muted", labelled("app=mute"), signal)).toBeGreaterThan(0);
  });

  test("is refused, with nothing made, when a label is none", async ({ signal }) => {
    await stage.h1.exec(["ip", "netns", "add", "wrong"], { signal });
    const runtimeConfig = { "io.kubernetes.cri.pod-annotations": { "holdfast.io/labels": "app" } };
    const result = await cniCall(stage.h1, "ADD wrong", signal, { network: "net", runtimeConfig });
    expect(result).toMatchObject({ code: 7, msg: expect.stringContaining("holdfast.io/labels") });
    const { stdout } = await stage.h1.exec(["ip", "-n", "wrong", "-o", "link"], { signal });
    expect(stdout.trim().split("\n")).toHaveLength(1);
    await stage.h1.exec(["ip", "netns", "delete", "wrong"], { signal });
  });
});
