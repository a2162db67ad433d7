import { isHoldfastError } from "@holdfast/core";
import { routes } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { createClient } from "./client.ts";
import { listAll } from "./list.ts";

const signal = new AbortController().signal;

function answering(reply: (request: { url: string; init: RequestInit }) => Response) {
  const seen: { url: string; init: RequestInit }[] = [];
  const fake = ((url: string, init: RequestInit) => {
    seen.push({ url, init });
    return Promise.resolve(reply({ url, init }));
  }) as typeof fetch;
  return { seen, client: createClient({ fetch: fake }, { server: "http://c:4653/", token: "t0" }) };
}

const tenant = { name: "blue", labels: {}, createdAt: "2026-01-01T00:00:00.000Z", revision: 4 };

describe("client", () => {
  test("fills the path, percent-encodes identities, and sends token, precondition and key", async () => {
    const { seen, client } = answering(() => new Response(null, { status: 204 }));
    const params = { tenant: "default", network: "web", identity: "prod/mysql-1" };
    await client.call(routes.releaseClaim, { params }, { signal, ifMatch: 7, idempotencyKey: "k" });
    expect(seen[0]?.url).toBe("http://c:4653/v1/tenants/default/networks/web/claims/prod%2Fmysql-1");
    expect(seen[0]?.init.headers).toMatchObject({
      authorization: "Bearer t0",
      "if-match": '"7"',
      "idempotency-key": "k",
    });
  });

  test("turns a problem document into the error it describes", async () => {
    const problem = {
      type: "about:blank",
      title: "taken",
      status: 409,
      detail: "10.20.0.7 belongs to redis-0",
      code: "address_in_use",
      retryable: false,
      field: "addresses.0",
    };
    const { client } = answering(() => Response.json(problem, { status: 409 }));
    const error = await client.call(routes.getTenant, { params: { tenant: "x" } }, { signal }).catch((e: unknown) => e);
    expect(isHoldfastError(error, "address_in_use")).toBe(true);
    expect(error).toMatchObject({ message: "10.20.0.7 belongs to redis-0", details: { field: "addresses.0" } });
  });

  describe("that is sent away as one too many", () => {
    const problem = { type: "", title: "", status: 429, detail: "later", code: "too_many_requests", retryable: true };
    const refusals = (count: number) => {
      const waits: number[] = [];
      let seen = 0;
      const clock = {
        wait: (milliseconds: number) => {
          waits.push(milliseconds);
          return Promise.resolve();
        },
      };
      const body = { ...problem, details: { retryAfterSeconds: 3 } };
      const fetch = () =>
        Promise.resolve(seen++ < count ? Response.json(body, { status: 429 }) : Response.json(tenant, { status: 201 }));
      return { waits, client: createClient({ fetch, clock, random: () => 0.5 }, { server: "http://c" }) };
    };

    test("comes again when it may, and a little later, to be no part of the next crowd", async () => {
      const { waits, client } = refusals(2);
      expect(await client.call(routes.createTenant, { body: { name: "blue" } }, { signal })).toEqual(tenant);
      expect(waits).toEqual([3750, 3750]);
    });

    test("gives up after so many times, and says why", async () => {
      const { waits, client } = refusals(100);
      const given = { signal, repetitions: 3 };
      await expect(client.call(routes.createTenant, { body: { name: "blue" } }, given)).rejects.toMatchObject({
        code: "too_many_requests",
        retryable: true,
      });
      expect(waits).toHaveLength(3);
    });
  });

  test("says unavailable and where when nobody answers", async () => {
    const client = createClient(
      { fetch: () => Promise.reject(new TypeError("connect ECONNREFUSED")) },
      { server: "http://c:4653" },
    );
    await expect(client.call(routes.listNodes, {}, { signal })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("http://c:4653") as string,
    });
  });

  test("reads a stream line by line, wherever the chunks are cut, and reports its end", async () => {
    const text = '{"type":"bookmark","revision":3}\n{"type":"bookmark","revision":4}\n';
    const bytes = new TextEncoder().encode(text);
    const body = new ReadableStream({
      start(controller) {
        for (let index = 0; index < bytes.length; index += 7) controller.enqueue(bytes.slice(index, index + 7));
        controller.close();
      },
    });
    const { client } = answering(() => new Response(body));
    const seen: unknown[] = [];
    const read = async () => {
      for await (const event of client.stream(routes.watch, {}, { signal })) seen.push(event);
    };
    await expect(read()).rejects.toMatchObject({ code: "unavailable" });
    expect(seen).toEqual([
      { type: "bookmark", revision: 3 },
      { type: "bookmark", revision: 4 },
    ]);
  });

  test("lists page after page", async () => {
    const { client, seen } = answering(({ url }) =>
      Response.json(
        url.includes("continue=")
          ? { items: [{ ...tenant, name: "red" }], revision: 9 }
          : { items: [tenant], revision: 9, continue: "blue" },
      ),
    );
    const names: string[] = [];
    for await (const item of listAll(client, routes.listTenants, {}, { signal })) names.push(item.name);
    expect(names).toEqual(["blue", "red"]);
    expect(seen[1]?.url).toContain("continue=blue");
  });
});
