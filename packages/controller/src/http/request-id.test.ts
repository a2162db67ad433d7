import { problemSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { startServer } from "../testing/server-harness.ts";

const NETWORK = { name: "web", kind: "vlan", subnets: [{ prefix: "10.20.0.0/24" }] };
const CLAIMS = "/v1/tenants/default/networks/web/claims";

describe("the id of a request", () => {
  test("is the client's, or made by the controller; every reply carries it, problem documents too", async () => {
    await using server = await startServer();
    const given = await server.call("POST", "/v1/tenants/default/networks", NETWORK, { "x-request-id": "deploy-17" });
    expect(given.headers.get("x-request-id")).toBe("deploy-17");
    const made = [await server.call("GET", "/v1/tenants"), await server.call("GET", "/v1/tenants")];
    const ids = made.map(({ headers }) => headers.get("x-request-id"));
    expect(new Set(ids).size).toBe(2);
    const lost = await server.call("GET", `${CLAIMS}/nobody`, undefined, { "x-request-id": "q1" });
    expect(problemSchema.parse(lost.json)).toMatchObject({ code: "not_found", requestId: "q1" });
    expect(lost.headers.get("x-request-id")).toBe("q1");
    for (const path of ["/v1/nothing", "/v1/%"]) {
      const answer = await server.call("GET", path, undefined, { "x-request-id": "q2" });
      expect([answer.json.requestId, answer.headers.get("x-request-id")]).toEqual(["q2", "q2"]);
    }
    const wrongMethod = await server.call("PUT", "/v1/claims", {}, { "x-request-id": "q3" });
    expect([wrongMethod.status, wrongMethod.json.requestId]).toEqual([405, "q3"]);
  });

  test("stands in the ledger", async () => {
    await using server = await startServer();
    await server.call("POST", "/v1/tenants/default/networks", NETWORK);
    const body = { identity: "db", addresses: ["10.20.0.7"] };
    await server.call("POST", CLAIMS, body, { "x-request-id": "ticket/4711" });
    await server.call("DELETE", `${CLAIMS}/db`, undefined, { "x-request-id": "ticket/4712" });
    const { json } = await server.call("GET", "/v1/ip/10.20.0.7");
    expect(json.items[0].history).toMatchObject([
      { event: "claimed", requestId: "ticket/4711" },
      { event: "released", requestId: "ticket/4712" },
    ]);
  });

  test("is refused when it would not be found again, and nothing is changed", async () => {
    await using server = await startServer();
    for (const id of ["two words", "x".repeat(129)]) {
      const answer = await server.call("POST", "/v1/tenants/default/networks", NETWORK, { "x-request-id": id });
      expect([answer.status, answer.json.field]).toEqual([400, "X-Request-Id"]);
      expect(answer.json.requestId).not.toBe(id);
    }
    expect((await server.call("GET", "/v1/networks")).json.items).toEqual([]);
  });
});
