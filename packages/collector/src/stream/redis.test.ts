import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { openRedis } from "./redis.ts";

/** Something that is no Redis of today: it repeats what it does not know. */
async function strangeServer(answer: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => socket.write(`-${answer}\r\n`));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test.each([
  { where: "the URL", user: ":hid%40den@", password: undefined },
  { where: "a file", user: "", password: "hid@den" },
])("a password of $where is in no error, even if the server repeats it", async ({ user, password }) => {
  const port = await strangeServer("ERR unknown command 'AUTH', with args beginning with: 'hid@den'");
  await using redis = openRedis({ url: `redis://${user}127.0.0.1:${port}`, password });
  await vi.waitUntil(() => redis.state().error !== undefined);
  expect(redis.state().error).toBe("ERR unknown command 'AUTH', with args beginning with: '***'");
  await expect(redis.command(["PING"])).rejects.toThrow(`Redis at 127.0.0.1:${port}: PING: `);
  const error = await redis.command(["PING"]).catch((reason: unknown) => reason);
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("hid");
});
