import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@holdfast/core";
import { expect, test } from "vitest";
import { commitBundle } from "./bundle.ts";
import { Connection } from "./connection.ts";
import { deleteFlow } from "./messages.ts";
import { Deframer } from "./replies.ts";

test("a connection that ends right after the bundle was closed is told, not waited for", async () => {
  const folder = await mkdtemp(join(tmpdir(), `hf-openflow-${process.pid}-`));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const server = createServer((socket: Socket) => {
    const deframer = new Deframer();
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      for (const { type, xid, body } of deframer.push(chunk)) {
        if (type === 0) socket.write(Buffer.from("0500000800000001", "hex"));
        if (type !== 33 || body.readUInt16BE(4) !== 2) continue;
        // The answer to the close request and, in the same chunk, an error without type and code.
        const reply = Buffer.from("052100100000000000000000000300030501000800000000", "hex");
        reply.writeUInt32BE(xid, 4);
        reply.writeUInt32BE(xid + 1, 20);
        socket.write(reply);
      }
    });
  });
  const path = join(folder, "br0.mgmt");
  await new Promise<void>((resolve) => server.listen(path, resolve));
  undo.defer(() => void server.close());
  const connection = await Connection.open(path, systemClock, new AbortController().signal);
  const bundle = commitBundle(connection, [deleteFlow({ table: 0, priority: 1, match: {} })]);
  await expect(bundle).rejects.toMatchObject({ code: "unavailable" });
});
