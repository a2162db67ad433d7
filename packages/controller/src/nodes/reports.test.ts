import { IpAddress, Name } from "@holdfast/core";
import type { EndpointReport, Phase, Transition } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { claimName, type EngineHarness, OPERATOR, startEngine } from "../testing/engine-harness.ts";

/** An endpoint `e1` of claim `a` on node `h1`. */
async function withEndpoint(): Promise<EngineHarness> {
  const harness = await startEngine();
  await harness.network("web");
  await harness.node("h1");
  await harness.node("h2");
  await harness.claim("web", "a");
  await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
  return harness;
}

function report(endpoint: string, epoch: number, steps: readonly (readonly [Phase, string])[]): EndpointReport {
  const transitions = steps.map(([phase, at]) => ({ phase, at: `2026-01-01T00:00:${at}.000Z`, actor: "node/h1" }));
  return { endpoint, epoch, transitions };
}

describe("a report", () => {
  test("keeps every transition with time and actor", async () => {
    await using harness = await withEndpoint();
    const steps = [
      ["binding", "01"],
      ["wired", "02"],
      ["active", "03"],
    ] as const;
    expect(await harness.reports("h1", [report("e1", 1, steps)])).toEqual([{ endpoint: "e1", outcome: "done" }]);
    const endpoint = harness.engine.nouns.endpoints.get("e1");
    expect(endpoint.phase).toBe("active");
    expect(endpoint.history.map(({ phase, at, actor }) => `${phase} ${at.slice(17, 19)} ${actor}`)).toEqual([
      "reserved 00 node/h1",
      "binding 01 node/h1",
      "wired 02 node/h1",
      "active 03 node/h1",
    ]);
  });

  test("says at which interface an endpoint is, which stays so until it is off the wire", async () => {
    await using harness = await withEndpoint();
    const onWire = report("e1", 1, [
      ["binding", "01"],
      ["wired", "02"],
    ]);
    const ifIndexes = [];
    for (const next of [
      { ...onWire, ifIndex: 7 },
      onWire,
      report("e1", 1, [["detaching", "03"]]),
      { ...report("e1", 1, [["detached", "04"]]), ifIndex: 7 },
    ]) {
      await harness.reports("h1", [next]);
      ifIndexes.push(harness.engine.nouns.endpoints.get("e1").ifIndex);
    }
    expect(ifIndexes).toEqual([7, 7, 7, undefined]);
  });

  test("that comes again, alone or with more, is done and changes nothing twice", async () => {
    await using harness = await withEndpoint();
    await harness.reports("h1", [report("e1", 1, [["binding", "01"]])]);
    const revision = harness.engine.platform.state.revision;
    expect(await harness.reports("h1", [report("e1", 1, [["binding", "01"]])])).toEqual([
      { endpoint: "e1", outcome: "done" },
    ]);
    expect(harness.engine.platform.state.revision).toBe(revision);
    await harness.reports("h1", [
      report("e1", 1, [
        ["binding", "01"],
        ["wired", "02"],
      ]),
    ]);
    await harness.reports("h1", [report("e1", 1, [["binding", "01"]])]);
    expect(harness.engine.nouns.endpoints.get("e1").history.map(({ phase }) => phase)).toEqual([
      "reserved",
      "binding",
      "wired",
    ]);
  });

  test("goes on from what was recorded as the node had it, with what came before in the report", async () => {
    await using harness = await withEndpoint();
    await harness.reports("h1", [report("e1", 1, [["binding", "02"]])]);
    const whole = [
      ["reserved", "01"],
      ["binding", "02"],
      ["wired", "03"],
    ] as const;
    expect(await harness.reports("h1", [report("e1", 1, whole)])).toEqual([{ endpoint: "e1", outcome: "done" }]);
    expect(harness.engine.nouns.endpoints.get("e1").phase).toBe("wired");
  });

  test("of an illegal transition is refused as a whole", async () => {
    await using harness = await withEndpoint();
    const [result] = await harness.reports("h1", [
      report("e1", 1, [
        ["binding", "01"],
        ["detached", "02"],
      ]),
    ]);
    expect(result?.outcome).toBe("refused");
    expect(result?.detail).toContain("endpoint e1 is binding; it cannot become detached");
    expect(harness.engine.nouns.endpoints.get("e1").phase).toBe("reserved");
  });

  test("with an old epoch is superseded, with one that was never given refused", async () => {
    await using harness = await withEndpoint();
    await harness.report("h1", "e1", 1, ["released"]);
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    expect(await harness.report("h1", "e1", 1, ["binding"])).toBe("superseded");
    expect(await harness.report("h1", "e1", 3, ["binding"])).toBe("refused");
    expect(await harness.report("h1", "e1", 2, ["binding"])).toBe("done");
  });

  test("of another node's endpoint is refused", async () => {
    await using harness = await withEndpoint();
    expect(await harness.report("h2", "e1", 1, ["released"])).toBe("refused");
    expect(harness.getClaim("web", "a").binding?.node).toBe("h1");
  });

  test("of an endpoint that nobody knows is unknown, and done when it says that it is released", async () => {
    await using harness = await withEndpoint();
    expect(await harness.report("h1", "e9", 1, ["active"])).toBe("unknown");
    expect(await harness.report("h1", "e9", 1, ["released"])).toBe("done");
  });

  test("of an endpoint that was cut off is superseded until the node says that it is down", async () => {
    await using harness = await withEndpoint();
    await harness.engine.nouns.endpoints.delete("e1", OPERATOR);
    expect(await harness.report("h1", "e1", 1, ["binding"])).toBe("superseded");
    expect(await harness.report("h1", "e1", 1, ["released"])).toBe("superseded");
    expect(harness.engine.platform.state.superseded.size).toBe(0);
  });

  describe("of an endpoint whose end was forgotten with its node", () => {
    const REPORT = { ...report("e1", 1, []), claim: claimName("web", "a"), addresses: [IpAddress.parse("10.20.0.2")] };

    async function forgotten(): Promise<EngineHarness> {
      const harness = await withEndpoint();
      await harness.engine.nouns.endpoints.delete("e1", OPERATOR);
      await harness.advance(60_000);
      await harness.engine.nouns.nodes.delete(Name.parse("h1"), OPERATOR);
      await harness.node("h1");
      return harness;
    }

    test("is superseded, for the claim was taken off it", async () => {
      await using harness = await forgotten();
      expect(await harness.reports("h1", [REPORT])).toMatchObject([
        { outcome: "superseded", detail: "a was taken off it, epoch 1 is over" },
      ]);
    });

    test("is superseded when another endpoint has the claim", async () => {
      await using harness = await forgotten();
      await harness.reserve("h2", { endpoint: "e2", network: "web", identity: "a" });
      expect(await harness.reports("h1", [REPORT])).toMatchObject([
        { outcome: "superseded", detail: "a is bound by e2 on node h2" },
      ]);
    });

    test("is superseded when its address belongs to somebody else", async () => {
      await using harness = await forgotten();
      await harness.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
      await harness.advance(60_000);
      await harness.claim("web", "b", { addresses: REPORT.addresses });
      expect(await harness.reports("h1", [REPORT])).toMatchObject([
        { outcome: "superseded", detail: "10.20.0.2 belongs to b" },
      ]);
    });

    test("is unknown when nobody has what it has: a controller that lost its memory costs no container its network", async () => {
      await using harness = await forgotten();
      await harness.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
      expect(await harness.reports("h1", [REPORT])).toMatchObject([{ outcome: "unknown" }]);
    });
  });

  describe("of an endpoint that was made after what the book has, as in one restored from an older copy", () => {
    const LATER = "2026-01-01T01:00:00.000Z";
    const about = (identity: string, epoch: number) => ({
      ...report("e-new", epoch, []),
      claim: claimName("web", identity),
      addresses: [IpAddress.parse("10.20.0.2")],
    });

    test.each([
      { case: "its claim went on from another node", sent: about("a", 2) },
      { case: "it got the address after another", sent: about("ephemeral/e-new", 1) },
    ])("is unknown, not superseded: $case", async ({ sent }) => {
      await using harness = await withEndpoint();
      expect(await harness.reports("h2", [{ ...sent, reservedAt: LATER }])).toMatchObject([{ outcome: "unknown" }]);
      const { createdAt } = harness.engine.platform.state.endpoints.get("e1") ?? {};
      expect(await harness.reports("h2", [{ ...sent, reservedAt: createdAt }])).toMatchObject([
        { outcome: "superseded" },
      ]);
    });

    test("is superseded all the same when the present owner is not bound: it may have got the address in any way", async () => {
      await using harness = await withEndpoint();
      const { addresses } = await harness.claim("web", "b");
      const sent = { ...about("ephemeral/e-new", 1), addresses, reservedAt: LATER };
      expect(await harness.reports("h2", [sent])).toMatchObject([{ outcome: "superseded" }]);
    });
  });

  test("of an endpoint whose record alone is lost is unknown: its claim is still its own", async () => {
    await using harness = await withEndpoint();
    await harness.store.commit({ conditions: [], operations: [{ kind: "delete", key: "endpoints/e1" }] });
    await harness.advance(1);
    const sent = { ...report("e1", 1, []), claim: claimName("web", "a") };
    expect(await harness.reports("h1", [sent])).toMatchObject([{ outcome: "unknown" }]);
  });

  test("of many endpoints answers each in order", async () => {
    await using harness = await withEndpoint();
    for (let index = 0; index < 50; index++) await harness.reserve("h1", { endpoint: `x${index}`, network: "web" });
    const reports = Array.from({ length: 50 }, (_, index) =>
      report(`x${index}`, index === 7 ? 9 : 1, [["binding", "01"]]),
    );
    const results = await harness.reports("h1", reports);
    expect(results.map(({ endpoint }) => endpoint)).toEqual(reports.map(({ endpoint }) => endpoint));
    expect(results.filter(({ outcome }) => outcome !== "done")).toMatchObject([{ endpoint: "x7", outcome: "refused" }]);
  });

  test("keeps the newest 32 transitions", async () => {
    await using harness = await withEndpoint();
    await harness.report("h1", "e1", 1, ["binding"]);
    for (let round = 0; round < 20; round++) {
      await harness.advance(1000);
      await harness.report("h1", "e1", 1, ["failed"]);
      await harness.advance(1000);
      await harness.report("h1", "e1", 1, ["detaching"]);
    }
    const { history } = harness.engine.nouns.endpoints.get("e1");
    expect(history).toHaveLength(32);
    expect(history.at(-1)?.phase).toBe("detaching");
  });

  test("takes over workload facts that have become known", async () => {
    await using harness = await withEndpoint();
    const workload = { runtime: "docker", endpoint: "d0c4e4", container: "redis" } as const;
    await harness.reports("h1", [{ ...report("e1", 1, []), workload }]);
    expect(harness.engine.nouns.endpoints.get("e1").workload).toEqual(workload);
  });
});

describe("an endpoint that its node made while no controller was reached", () => {
  const replacing = (endpoint: string, replaces: string, epoch = 1): EndpointReport => ({
    ...report(endpoint, epoch, [
      ["reserved", "10"],
      ["binding", "11"],
      ["wired", "12"],
      ["active", "13"],
    ]),
    replaces,
  });

  test("takes the claim over from the one that it replaces", async () => {
    await using harness = await withEndpoint();
    expect(await harness.reports("h1", [replacing("e2", "e1")])).toEqual([{ endpoint: "e2", outcome: "done" }]);
    expect(harness.getClaim("web", "a")).toMatchObject({ epoch: 1, binding: { endpoint: "e2" } });
    expect(harness.engine.nouns.endpoints.get("e2")).toMatchObject({ phase: "active", addresses: ["10.20.0.2"] });
    expect(harness.engine.platform.state.endpoints.has("e1")).toBe(false);
    expect(await harness.reports("h1", [replacing("e2", "e1")])).toEqual([{ endpoint: "e2", outcome: "done" }]);
  });

  test("begins its history with what its node says of the beginning", async () => {
    await using harness = await withEndpoint();
    const at = "2026-01-01T00:00:10.000Z";
    const begun: Transition = { phase: "reserved", at, actor: "node/h1", reason: "no controller answered" };
    const { transitions, ...rest } = replacing("e2", "e1");
    await harness.reports("h1", [{ ...rest, transitions: [begun, ...transitions.slice(1)] }]);
    const { history } = harness.engine.nouns.endpoints.get("e2");
    expect(history.map(({ phase }) => phase)).toEqual(["reserved", "binding", "wired", "active"]);
    expect(history[0]).toEqual(begun);
  });

  test("keeps an ephemeral claim alive, also when the same batch says that the old one is gone", async () => {
    await using harness = await withEndpoint();
    const { claim } = await harness.reserve("h1", { endpoint: "x1", network: "web" });
    const gone = report("x1", 1, [["released", "09"]]);
    expect(await harness.reports("h1", [gone, replacing("x2", "x1")])).toEqual([
      { endpoint: "x1", outcome: "done" },
      { endpoint: "x2", outcome: "done" },
    ]);
    expect(harness.getClaim("web", claim.identity).binding?.endpoint).toBe("x2");
  });

  test("releases an ephemeral claim when it has ended as well, and the ledger says so", async () => {
    await using harness = await withEndpoint();
    const { claim } = await harness.reserve("h1", { endpoint: "x1", network: "web" });
    const { transitions, ...rest } = replacing("x2", "x1");
    const end = report("x2", 1, [["released", "14"]]).transitions;
    await harness.reports("h1", [{ ...rest, transitions: [...transitions.slice(0, 1), ...end] }]);
    const [address] = claim.addresses;
    const [story] = await harness.engine.nouns.explainer.explain(address as IpAddress, {});
    expect(story?.history.map(({ event }) => event)).toEqual(["claimed", "bound", "released"]);
  });

  test("is refused when the claim has gone to another node", async () => {
    await using harness = await withEndpoint();
    const move = { node: undefined, force: true };
    await harness.engine.nouns.claims.move(claimName("web", "a"), move, OPERATOR);
    await harness.reserve("h2", { endpoint: "e7", network: "web", identity: "a" });
    const [result] = await harness.reports("h1", [replacing("e2", "e1")]);
    expect(result).toMatchObject({ outcome: "refused" });
    expect(result?.detail).toContain("claim_bound");
    expect(harness.getClaim("web", "a").binding).toMatchObject({ node: "h2", endpoint: "e7" });
  });
});
