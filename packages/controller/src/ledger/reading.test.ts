import { IpAddress, Name } from "@holdfast/core";
import { ledgerExportLineSchema, ledgerPageSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { startEngine } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";
import { type ServerHarness, startServer } from "../testing/server-harness.ts";
import type { LedgerFilter, LedgerReader } from "./reading.ts";

const claimsOf = (network: string) => `/v1/tenants/default/networks/${network}/claims`;

/** Two networks; 30 claims, each released a minute later. */
async function busy(): Promise<ServerHarness> {
  const server = await startServer();
  for (const name of ["web", "db"]) {
    const body = { name, kind: "vlan", subnets: [{ prefix: name === "web" ? "10.20.0.0/24" : "fd00::/64" }] };
    await server.call("POST", "/v1/tenants/default/networks", { ...body, cooldownSeconds: 0 });
  }
  for (let index = 0; index < 30; index++) {
    const path = claimsOf(index % 3 === 0 ? "db" : "web");
    await server.call("POST", path, { identity: `job-${index % 5}` });
    server.clock.advance(60_000);
    await server.call("DELETE", `${path}/job-${index % 5}`);
  }
  return server;
}

async function list(server: ServerHarness, query: string) {
  const { json } = await server.call("GET", `/v1/ledger?${query}`);
  return ledgerPageSchema.parse(json);
}

describe("the ledger as a list", () => {
  test("is in the order of time, page by page, and as filtered", async () => {
    await using server = await busy();
    const whole = await list(server, "limit=1000");
    expect(whole.items).toHaveLength(60);
    expect(whole.items.map(({ at }) => at)).toEqual(whole.items.map(({ at }) => at).toSorted());
    const pages = [];
    for (let next: string | undefined = ""; next !== undefined; ) {
      const page = await list(server, `limit=7${next === "" ? "" : `&continue=${next}`}`);
      pages.push(...page.items);
      next = page.continue;
    }
    expect(pages).toEqual(whole.items);
    const { items } = await list(server, "network=db&event=released&identity=job-3");
    expect(items.map(({ identity, network, event }) => `${event} ${network}/${identity}`)).toEqual([
      "released db/job-3",
      "released db/job-3",
    ]);
    const [tenth, twentieth] = [whole.items[10]?.at, whole.items[20]?.at];
    const between = whole.items.filter(({ at }) => at >= String(tenth) && at < String(twentieth));
    expect((await list(server, `from=${tenth}&to=${twentieth}`)).items).toEqual(between);
    expect(between.length).toBeGreaterThan(5);
    expect((await server.call("GET", "/v1/ledger?continue=nonsense")).json).toMatchObject({ field: "after" });
  });

  test("has an address that was passed on under both identities, and what each did with it", async () => {
    await using server = await busy();
    await server.call("POST", claimsOf("web"), { identity: "old", addresses: ["10.20.0.99"] });
    await server.call("POST", `${claimsOf("web")}/old/transfer`, { identity: "new", reason: "renamed" });
    await server.call("DELETE", `${claimsOf("web")}/new`);
    const of = async (identity: string) =>
      (await list(server, `identity=${identity}`)).items.map((entry) => [
        entry.event,
        entry.identity,
        entry.formerIdentity,
      ]);
    const passed = ["transferred", "new", "old"];
    expect(await of("old")).toEqual([["claimed", "old", undefined], passed]);
    expect(await of("new")).toEqual([passed, ["released", "new", undefined]]);
    const exported = await server.call("GET", "/v1/ledger/export?identity=old");
    expect(exported.text).toContain('"formerIdentity":"old"');
  });
});

describe("the ledger as an export", () => {
  const lines = async (server: ServerHarness, query: string) => {
    const { text } = await server.call("GET", `/v1/ledger/export?${query}`);
    return text
      .trimEnd()
      .split("\n")
      .map((line) => ledgerExportLineSchema.parse(JSON.parse(line)));
  };

  test("has a line for each entry and says when it is complete; goes on behind the one that came last", async () => {
    await using server = await busy();
    const all = await lines(server, "");
    expect(all).toHaveLength(61);
    expect(all.at(-1)).toMatchObject({ type: "end", entries: 60, completeFrom: "2026-01-01T00:00:00.000Z" });
    const tenth = all[9];
    const rest = await lines(server, `after=${tenth?.type === "entry" ? tenth.entry.id : ""}`);
    expect(rest.slice(0, -1)).toEqual(all.slice(10, -1));
    expect((await lines(server, "network=db")).length).toBe(21);
    expect((await server.call("GET", "/v1/ledger/export?after=x")).status).toBe(400);
  });
});

/** Everything that is read behind each entry in turn. */
async function behind(reader: LedgerReader, filter: LedgerFilter) {
  return (await Array.fromAsync(reader.read(filter))).map(({ id }) => id);
}

describe("reading on", () => {
  test("gives every entry once, whatever page it is on and whatever was forgotten meanwhile", async () => {
    await using harness = await startEngine({ options: { ledgerRetention: 3_600_000 } });
    await harness.network("web");
    const { reader, order, retention } = harness.engine.nouns;
    for (let index = 0; index < 12; index++) {
      await harness.claim("web", `c-${index}`, { addresses: [`10.20.0.${index + 10}`] });
      if (index % 3 === 2) await order.flush();
      if (index % 2 === 1) await harness.advance(600_000);
    }
    const all = await behind(reader, {});
    expect(all).toHaveLength(12);
    for (const [index, after] of all.entries()) expect(await behind(reader, { after })).toEqual(all.slice(index + 1));
    for (let index = 0; index < 12; index++) {
      const { claims } = harness.engine.nouns;
      await claims.release(
        { tenant: Name.parse("default"), network: Name.parse("web"), identity: `c-${index}` as never },
        { actor: "x" },
      );
    }
    await harness.advance(1_800_000);
    await retention.forget(new AbortController().signal);
    const left = await behind(reader, {});
    expect(left.length).toBeLessThan(36);
    expect(await behind(reader, { after: all[0] })).toEqual(left);
    const address = IpAddress.parse("10.20.0.21");
    expect(await behind(reader, { address })).toHaveLength(3);
    expect((await refusal(behind(reader, { after: "x" }))).code).toBe("invalid_argument");
  });
});
