import { PassThrough } from "node:stream";
import { Name } from "@holdfast/core";
import { type NodeFeedMessage, newGroupSchema, newPolicySchema } from "@holdfast/model";
import { NO_NEWS, type NodePolicyChange } from "@holdfast/policy";
import { describe, expect, test } from "vitest";
import { lease } from "../testing/block-harness.ts";
import { claimName, type EngineHarness, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";

const name = (text: string) => Name.parse(text);

async function start() {
  const harness = await startEngine({ options: { enforcePolicies: true } });
  await harness.network("web", { nodeBlocks: { size: 16 } });
  for (const node of ["h1", "h2"]) await harness.node(node);
  const { nouns } = harness.engine;
  return {
    harness,
    [Symbol.asyncDispose]: () => harness.engine.stop(),
    group: (group: string, selector: object) =>
      nouns.groups.create(TENANT, newGroupSchema.parse({ name: group, selector }), OPERATOR),
    policy: (policy: string, body: object = {}) =>
      nouns.policies.create(TENANT, newPolicySchema.parse({ name: policy, ...body }), OPERATOR),
    bind: async (node: string, identity: string, labels: object = {}) => {
      await harness.claim("web", identity, { labels });
      await harness.reserve(node, { endpoint: `e-${identity}`, network: "web", identity });
    },
  };
}

/** The news of policies that a node gets. */
function listen({ engine }: EngineHarness, node: string) {
  const output = new PassThrough();
  engine.nouns.feeds.open(name(node), output, { policies: true });
  return {
    output,
    messages(): NodeFeedMessage[] {
      let text = "";
      for (let chunk = output.read(); chunk !== null; chunk = output.read()) text += String(chunk);
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as NodeFeedMessage);
    },
    news(): NodePolicyChange[] {
      return this.messages().flatMap((message) =>
        message.kind === "policy" ? (message.change as unknown as NodePolicyChange) : [],
      );
    },
  };
}

const APP = { matchLabels: { app: "web" } };
const FROM_WEB = { id: "web", action: "allow", peers: [{ kind: "group", group: "web" }] };

describe("what nodes are told of policies", () => {
  test("comes first, and an endpoint's policy before the endpoint", async () => {
    await using started = await start();
    await started.bind("h1", "a");
    const node = listen(started.harness, "h1");
    const [first] = node.messages();
    expect(first).toMatchObject({ kind: "policy", whole: true, change: { endpoints: [{ endpoint: "e-a" }] } });
    await started.bind("h1", "b");
    const kinds = node.messages().map(({ kind }) => kind);
    expect(kinds.indexOf("policy")).toBeLessThan(kinds.indexOf("endpoint"));
  });

  test("is nothing for an agent that does not ask", async () => {
    await using started = await start();
    const output = new PassThrough();
    started.harness.engine.nouns.feeds.open(name("h1"), output);
    expect(String(output.read())).not.toContain('"kind":"policy"');
  });

  test("of a claim that joins a group is one element, and only where the group counts", async () => {
    await using started = await start();
    await started.group("web", APP);
    await started.policy("p", { subject: { groups: ["web"] }, isolates: ["ingress"], ingress: [FROM_WEB] });
    await started.bind("h1", "a", { app: "web" });
    await started.bind("h2", "b");
    const [h1, h2] = [listen(started.harness, "h1"), listen(started.harness, "h2")];
    expect(h1.news()[0]?.blocks.map(({ id }) => id)).toEqual(["default/p"]);
    expect(h2.news()[0]?.blocks).toEqual([]);
    await started.harness.claim("web", "c", { labels: { app: "web" } });
    const { addresses } = started.harness.getClaim("web", "c");
    const edit = { id: "group/default/web/v4", remove: [], add: [`${addresses[0]}/32`] };
    expect(h1.news()).toEqual([{ ...NO_NEWS, setEdits: [edit] }]);
    expect(h2.news()).toEqual([]);
  });

  test("follows an endpoint's labels, an edited rule, and a policy that goes", async () => {
    await using started = await start();
    const { nouns } = started.harness.engine;
    await started.policy("p", { subject: { selector: APP }, ingress: [{ id: "r", action: "allow" }] });
    await started.bind("h1", "a");
    const node = listen(started.harness, "h1");
    node.news();
    await nouns.claims.update(claimName("web", "a"), { labels: { app: "web" } }, OPERATOR);
    const [joined] = node.news();
    expect(joined).toMatchObject({ blocks: [{ id: "default/p" }], endpoints: [{ endpoint: "e-a" }] });
    const rule = { tenant: TENANT, policy: name("p"), direction: "ingress", rule: "r" } as const;
    await nouns.policies.setRule(rule, { rule: { id: "r", action: "deny" } }, OPERATOR);
    expect(node.news()).toMatchObject([{ blocks: [{ id: "default/p" }], programs: [], endpoints: [] }]);
    await nouns.policies.delete(TENANT, name("p"), OPERATOR);
    expect(node.news()).toMatchObject([{ blocksGone: ["default/p"], endpoints: [{ endpoint: "e-a" }] }]);
    await nouns.claims.update(claimName("web", "a"), { labels: {} }, OPERATOR);
    expect(node.news()).toEqual([]);
  });

  test("follows what its runtime says of it, from the endpoint's first word on", async () => {
    await using started = await start();
    const { harness } = started;
    await started.group("web", APP);
    await started.policy("p", { subject: { groups: ["web"] }, isolates: ["ingress"], ingress: [FROM_WEB] });
    const [h1, h2] = [listen(harness, "h1"), listen(harness, "h2")];
    await started.bind("h2", "b", { app: "web" });
    for (const each of [h1, h2]) each.news();
    const said = { network: "web", identity: "c", retention: { kind: "sticky" as const, ttlSeconds: 60 } };
    const { claim } = await harness.reserve("h1", { ...said, endpoint: "e-c", labels: { app: "web" } });
    const [first] = h1.news();
    expect(first).toMatchObject({ blocks: [{ id: "default/p" }], endpoints: [{ endpoint: "e-c" }] });
    const member = { id: "group/default/web/v4" };
    const prefix = `${claim.addresses[0]}/32`;
    expect(h2.news()).toEqual([{ ...NO_NEWS, setEdits: [{ ...member, remove: [], add: [prefix] }] }]);
    await harness.report("h1", "e-c", 1, ["released"]);
    expect(h2.news()).toEqual([]);
    await harness.reserve("h1", { ...said, endpoint: "e-d" });
    expect(h2.news()).toEqual([{ ...NO_NEWS, setEdits: [{ ...member, remove: [prefix], add: [] }] }]);
  });

  test("has the programs of what a node makes by itself", async () => {
    await using started = await start();
    const node = listen(started.harness, "h1");
    node.news();
    const block = await lease(started.harness, "h1");
    const [{ record } = { record: undefined }] =
      started.harness.engine.platform.state.networks.get(TENANT)?.values() ?? [];
    const id = `network/${record?.id}`;
    expect(node.news()).toMatchObject([{ endpoints: [{ endpoint: id }] }]);
    await started.policy("all", { isolates: ["ingress"] });
    expect(node.news()).toMatchObject([{ blocks: [{ id: "default/all" }], endpoints: [{ endpoint: id }] }]);
    await started.harness.engine.nouns.blocks.giveBack(name("h1"), { ...block, resting: [] });
    expect(node.news()).toMatchObject([{ blocksGone: ["default/all"] }]);
  });

  test("is not worked out for a node that is gone", async () => {
    await using started = await start();
    await started.group("web", APP);
    await started.policy("p", { ingress: [FROM_WEB] });
    await started.bind("h1", "a");
    const node = listen(started.harness, "h1");
    node.output.destroy();
    await new Promise((resolve) => node.output.once("close", resolve));
    await started.harness.claim("web", "c", { labels: { app: "web" } });
    const again = listen(started.harness, "h1");
    expect(again.news()[0]?.sets.find(({ id }) => id === "group/default/web/v4")?.members).toHaveLength(1);
  });
});
