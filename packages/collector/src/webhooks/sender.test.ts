import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { IpAddress, Name } from "@holdfast/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseAllowedDestinations } from "./allowed.ts";
import { createDestinations } from "./destinations.ts";
import { createWebhookSender } from "./sender.ts";

const tenant = Name.parse("shop");
let stack: AsyncDisposableStack;
let port: number;
let got: string[];
let status: number;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  [got, status] = [[], 204];
  const server = createServer((request, response) => {
    got.push(`${request.method} ${request.headers.host}${request.url}`);
    response.writeHead(status, { location: "/elsewhere" }).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
  stack.defer(() => server.closeAllConnections());
  stack.defer(() => void server.close());
});
afterEach(() => stack.disposeAsync());

const message = () => ({ headers: { "x-a": "b" }, body: "{}", signal: AbortSignal.timeout(5000) });
const destinations = (allow: string, lookup: (host: string) => Promise<readonly string[]>) =>
  createDestinations({ lookup, ownAddresses: () => [] }, { allow: parseAllowedDestinations(allow), platformHosts: [] });

test("a name is looked up once, and what was found is what is connected to", async () => {
  const answers = [["127.0.0.1"], ["192.0.2.1"]];
  const send = createWebhookSender(destinations("127.0.0.1", () => Promise.resolve(answers.shift() ?? [])));
  expect(await send(`http://hooks.invalid:${port}/x`, { ...message(), tenant })).toBe(204);
  expect(got).toEqual([`POST hooks.invalid:${port}/x`]);
  expect(answers).toHaveLength(1);
});

test("a tenant's goes nowhere that is refused, by name or address; the platform's own does", async () => {
  const send = createWebhookSender(destinations("", () => Promise.resolve(["127.0.0.1"])));
  for (const host of ["hooks.invalid", "127.0.0.1", "2130706433", "[::ffff:127.0.0.1]"])
    await expect(send(`http://${host}:${port}/`, { ...message(), tenant })).rejects.toThrow("a loopback address");
  expect(got).toEqual([]);
  expect(await send(`http://127.0.0.1:${port}/own`, { ...message(), tenant: undefined })).toBe(204);
  expect(got).toHaveLength(1);
});

test("a redirect is not followed", async () => {
  status = 307;
  const send = createWebhookSender({ resolve: () => Promise.resolve([IpAddress.parse("127.0.0.1")]) });
  await expect(send(`http://hooks.invalid:${port}/x`, { ...message(), tenant })).rejects.toThrow(
    "it redirects, which is not followed",
  );
  expect(got).toHaveLength(1);
});

test("a name without an address is told as such", async () => {
  const send = createWebhookSender({ resolve: () => Promise.resolve([]) });
  await expect(send(`http://hooks.invalid:${port}/x`, { ...message(), tenant })).rejects.toThrow(
    "its name has no address",
  );
});
