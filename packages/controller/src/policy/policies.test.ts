import { Cidr, Name } from "@holdfast/core";
import {
  explainRequestSchema,
  newAddressSetSchema,
  newClaimSchema,
  newGroupSchema,
  newNetworkSchema,
  newPolicySchema,
} from "@holdfast/model";
import { describe, expect, test } from "vitest";
import type { EngineOptions } from "../engine.ts";
import { OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";

const name = (text: string) => Name.parse(text);

async function start(options: Partial<EngineOptions> = { enforcePolicies: true }) {
  const harness = await startEngine({ options });
  await harness.network("net");
  const { nouns } = harness.engine;
  return {
    ...harness,
    nouns,
    stop: () => harness.engine.stop(),
    group: (group: string, body: object = {}) =>
      nouns.groups.create(TENANT, newGroupSchema.parse({ name: group, ...body }), OPERATOR),
    set: (set: string, entries: readonly string[]) =>
      nouns.addressSets.create(TENANT, newAddressSetSchema.parse({ name: set, entries }), OPERATOR),
    policy: (policy: string, body: object = {}) =>
      nouns.policies.create(TENANT, newPolicySchema.parse({ name: policy, ...body }), OPERATOR),
    explain: (from: object, to: object, body: object = {}) =>
      nouns.explainPolicy(explainRequestSchema.parse({ from, to, port: 443, ...body })),
  };
}

const allow = (id: string, rest: object = {}) => ({ id, action: "allow", ...rest });
const web = { kind: "group", group: "web" };

describe("policies", () => {
  test("name only what is there, and say with which field", async () => {
    await using engine = await disposable();
    await expect(engine.policy("p", { ingress: [allow("a", { peers: [web] })] })).rejects.toMatchObject({
      code: "invalid_argument",
      details: { field: "ingress.0.peers.0.group" },
    });
    await expect(engine.policy("p", { subject: { networks: ["no"] } })).rejects.toMatchObject({
      details: { field: "subject.networks.0" },
    });
    await engine.group("web");
    await engine.policy("p", { ingress: [allow("a", { peers: [web] })] });
    await expect(engine.nouns.groups.delete(TENANT, name("web"), OPERATOR)).rejects.toMatchObject({ code: "in_use" });
    await engine.nouns.policies.delete(TENANT, name("p"), OPERATOR);
    await engine.nouns.groups.delete(TENANT, name("web"), OPERATOR);
  });

  test("of another tenant's group may come before it is there", async () => {
    await using engine = await disposable();
    await engine.policy("p", { ingress: [allow("a", { peers: [{ ...web, tenant: "other" }] })] });
  });

  test("are edited rule by rule, each in its place", async () => {
    await using engine = await disposable();
    await engine.policy("p", { ingress: [allow("a"), allow("b"), allow("c")] });
    const at = (rule: string) => ({ tenant: TENANT, policy: name("p"), direction: "ingress", rule }) as const;
    const set = (rule: string, before?: string) =>
      engine.nouns.policies.setRule(at(rule), { rule: { id: rule, action: "deny" }, before }, OPERATOR);
    const text = ({ ingress }: Awaited<ReturnType<typeof set>>) =>
      ingress.map((rule) => `${rule.action} ${rule.id}`).join();
    expect(text(await set("b"))).toBe("allow a,deny b,allow c");
    expect(text(await set("d"))).toBe("allow a,deny b,allow c,deny d");
    expect(text(await set("d", "a"))).toBe("deny d,allow a,deny b,allow c");
    await expect(set("e", "none")).rejects.toMatchObject({ code: "not_found" });
    expect(text(await engine.nouns.policies.deleteRule(at("b"), OPERATOR))).toBe("deny d,allow a,allow c");
    await expect(engine.nouns.policies.deleteRule(at("b"), OPERATOR)).rejects.toMatchObject({ code: "not_found" });
  });

  test("are not promised to be enforced where no data path does", async () => {
    await using engine = await disposable({});
    await expect(engine.policy("p")).rejects.toMatchObject({ details: { field: "mode" } });
    await engine.policy("p", { mode: "staged" });
    await expect(engine.nouns.policies.enforce(TENANT, name("p"), OPERATOR)).rejects.toMatchObject({
      details: { field: "mode" },
    });
    const deny = { policyDefaults: { egress: "deny" } } as const;
    const field = { details: { field: "policyDefaults.egress" } };
    await expect(engine.nouns.tenants.update(TENANT, deny, OPERATOR)).rejects.toMatchObject(field);
    await expect(engine.nouns.networks.update(TENANT, name("net"), deny, OPERATOR)).rejects.toMatchObject(field);
  });

  test("that are staged take the place of others in one step", async () => {
    await using engine = await disposable();
    await engine.policy("p", { ingress: [allow("old")] });
    await engine.policy("next", { mode: "staged", replaces: "p", ingress: [allow("new")], tier: "admin" });
    const enforced = await engine.nouns.policies.enforce(TENANT, name("next"), OPERATOR);
    expect(enforced).toMatchObject({ name: "p", mode: "enforced", tier: "admin", ingress: [{ id: "new" }] });
    expect(engine.nouns.policies.get(TENANT, name("p"))).not.toHaveProperty("replaces");
    expect(() => engine.nouns.policies.get(TENANT, name("next"))).toThrow("there is no policy next");
  });

  test("keep their tenant", async () => {
    await using engine = await disposable();
    const blue = name("blue");
    await engine.nouns.tenants.create({ name: blue, labels: {} }, OPERATOR);
    await engine.nouns.groups.create(blue, newGroupSchema.parse({ name: "g" }), OPERATOR);
    await expect(engine.nouns.tenants.delete(blue, OPERATOR)).rejects.toMatchObject({ code: "in_use" });
    await engine.nouns.groups.delete(blue, name("g"), OPERATOR);
    await engine.nouns.tenants.delete(blue, OPERATOR);
  });
});

describe("address sets", () => {
  test("change by what is added and removed, and count their entries", async () => {
    await using engine = await disposable();
    await engine.set("s", ["192.0.2.0/24", "192.0.2.7/32", "192.0.2.0/24"]);
    const update = (patch: { add?: string[]; remove?: string[] }) =>
      engine.nouns.addressSets.update(
        TENANT,
        name("s"),
        { add: patch.add?.map(Cidr.parse), remove: patch.remove?.map(Cidr.parse) },
        OPERATOR,
      );
    expect(await update({ add: ["fd00::/8"], remove: ["192.0.2.7/32", "198.51.100.0/24"] })).toMatchObject({ size: 2 });
    expect(await update({ add: ["fd00::/8"], remove: ["fd00::/8"] })).toMatchObject({ size: 2 });
    const { setEntries } = engine.engine.platform.state;
    expect([...setEntries.values(TENANT, name("s"))].sort()).toEqual(["192.0.2.0/24", "fd00::/8"]);
    await engine.nouns.addressSets.delete(TENANT, name("s"), OPERATOR);
    expect(setEntries.size(TENANT, name("s"))).toBe(0);
  });

  test("of 100,000 entries come and go with one request", async () => {
    await using engine = await disposable();
    const entries = Array.from(
      { length: 100_000 },
      (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}/32`,
    );
    expect(await engine.set("large", entries)).toMatchObject({ size: 100_000 });
    const more = { add: [Cidr.parse("192.0.2.1/32")] };
    await expect(engine.nouns.addressSets.update(TENANT, name("large"), more, OPERATOR)).rejects.toMatchObject({
      details: { field: "add" },
    });
  }, 30_000);
});

describe("policy explain", () => {
  test("says what decides at each end, and why earlier rules do not", async () => {
    await using engine = await disposable();
    await engine.claim("net", "web-0", { labels: { app: "web" } });
    await engine.claim("net", "db-0", { labels: { app: "db" } });
    await engine.group("web", { selector: { matchLabels: { app: "web" } } });
    await engine.group("db", { selector: { matchLabels: { app: "db" } } });
    const tcp = (port: number) => ({ services: [{ protocol: "tcp", ports: [port] }] });
    const outside = { peers: [{ kind: "cidr", cidr: "192.0.2.0/24" }] };
    const ingress = [allow("admin", outside), allow("other", tcp(22)), allow("web", { peers: [web], ...tcp(443) })];
    await engine.policy("db", { subject: { groups: ["db"] }, isolates: ["ingress"], ingress });
    const told = engine.explain({ identity: "web-0" }, { identity: "db-0" });
    expect(told).toMatchObject({ verdict: "allow", egress: { rule: "default/default/egress", steps: [] } });
    expect(told.ingress).toEqual({
      verdict: "allow",
      rule: "rule/default/db/ingress/web",
      steps: [
        { tier: "tenant", policy: "db", rule: "admin", action: "allow", mismatch: "peers" },
        { tier: "tenant", policy: "db", rule: "other", action: "allow", mismatch: "services" },
        { tier: "tenant", policy: "db", rule: "web", action: "allow" },
      ],
    });
    const denied = engine.explain({ identity: "web-0" }, { identity: "db-0" }, { port: 80 });
    expect(denied).toMatchObject({ verdict: "deny", ingress: { rule: "isolates/default/db/ingress" } });
    expect(engine.explain({ address: "192.0.2.9" }, { identity: "db-0" }, { port: 80 })).toMatchObject({
      verdict: "allow",
      from: { address: "192.0.2.9" },
    });
  });

  test("tells what staged policies would change", async () => {
    await using engine = await disposable();
    await engine.claim("net", "web-0");
    await engine.policy("closed", { mode: "staged", isolates: ["egress"] });
    const told = engine.explain({ identity: "web-0" }, { address: "192.0.2.1" });
    expect(told).toMatchObject({ verdict: "allow", staged: { verdict: "deny" } });
    expect(engine.explain({ address: "192.0.2.1" }, { identity: "web-0" })).not.toHaveProperty("staged");
  });

  test("goes by the defaults of network and tenant where no policy decides", async () => {
    await using engine = await disposable();
    await engine.claim("net", "web-0");
    const ask = () => engine.explain({ address: "192.0.2.1" }, { identity: "web-0" });
    await engine.nouns.tenants.update(TENANT, { policyDefaults: { ingress: "deny" } }, OPERATOR);
    expect(ask()).toMatchObject({ verdict: "deny", ingress: { rule: "default/default/ingress" } });
    await engine.nouns.networks.update(TENANT, name("net"), { policyDefaults: { ingress: "allow" } }, OPERATOR);
    expect(ask()).toMatchObject({ verdict: "allow", ingress: { rule: "default/default/net/ingress" } });
    await engine.nouns.networks.update(TENANT, name("net"), { policyDefaults: null }, OPERATOR);
    await engine.nouns.tenants.update(TENANT, { policyDefaults: null }, OPERATOR);
    expect(ask()).toMatchObject({ verdict: "allow", ingress: { rule: "default/default/ingress" } });
    expect(engine.nouns.tenants.get(TENANT)).not.toHaveProperty("policyDefaults");
  });

  test("needs both tenants for what is between them", async () => {
    await using engine = await disposable();
    const blue = name("blue");
    await engine.nouns.tenants.create({ name: blue, labels: {} }, OPERATOR);
    const routed = { kind: "routed", subnets: [{ prefix: "10.77.0.0/24" }] };
    await engine.nouns.networks.create(blue, newNetworkSchema.parse({ name: "net", ...routed }), OPERATOR);
    await engine.nouns.claims.create(blue, name("net"), newClaimSchema.parse({ identity: "api" }), OPERATOR);
    await engine.claim("net", "web-0");
    const group = (body: object) => newGroupSchema.parse({ selector: {}, ...body });
    const rule = (tenant: string) => [allow("them", { peers: [{ kind: "group", tenant, group: "all" }] })];
    const policy = (body: object) => newPolicySchema.parse({ name: "p", ...body });
    const ask = () => engine.explain({ identity: "web-0" }, { tenant: "blue", identity: "api" });
    await engine.nouns.groups.create(TENANT, group({ name: "all" }), OPERATOR);
    await engine.nouns.groups.create(blue, group({ name: "all" }), OPERATOR);
    expect(ask()).toMatchObject({
      verdict: "deny",
      egress: { rule: "isolation/default/egress" },
      ingress: { rule: "isolation/blue/ingress" },
    });
    await engine.nouns.policies.create(TENANT, policy({ egress: rule("blue") }), OPERATOR);
    await engine.nouns.policies.create(blue, policy({ ingress: rule("default") }), OPERATOR);
    expect(ask()).toMatchObject({ verdict: "deny", egress: { steps: [{ mismatch: "not-shared" }] } });
    await engine.nouns.groups.update(blue, name("all"), { sharedWith: [TENANT] }, OPERATOR);
    expect(ask()).toMatchObject({ verdict: "deny", egress: { verdict: "allow" }, ingress: { verdict: "deny" } });
    await engine.nouns.tenants.update(TENANT, { sharedWith: [blue] }, OPERATOR);
    expect(ask()).toMatchObject({ verdict: "allow", egress: { rule: "rule/default/p/egress/them" } });
  });

  test("says who is not there, and what is missing", async () => {
    await using engine = await disposable();
    await engine.claim("net", "web-0");
    expect(() => engine.explain({ identity: "no" }, { identity: "web-0" })).toThrow("there is no claim no");
    expect(() => engine.explain({ identity: "web-0" }, { address: "fd00::1" })).toThrow("no addresses of one family");
    expect(() => engine.explain({ identity: "web-0" }, { address: "192.0.2.1" }, { port: undefined })).toThrow("port:");
  });
});

async function disposable(options?: Partial<EngineOptions>) {
  const started = await start(options);
  return { ...started, [Symbol.asyncDispose]: () => started.stop() };
}
