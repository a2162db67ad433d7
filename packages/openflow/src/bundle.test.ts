import { createServer, type Socket } from "node:net";
import { systemClock } from "@holdfast/core";
import { expect, test } from "vitest";
import { commitBundle } from "./bundle.ts";
import { Connection } from "./connection.ts";
import { deleteFlow } from "./messages.ts";
import { Deframer } from "./replies.ts";

test("a connection that ends right after the bundle was closed is told, not waited for", async () => {
  await using undo = new AsyncDisposableStack();
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
  const path = `\0hf-openflow-${process.pid}-bundle`;
  await new Promise<void>((resolve) => server.listen(path, resolve));
  undo.defer(() => void server.close());
  const connection = await Connection.open(path, systemClock, new AbortController().signal);
  const bundle = commitBundle(connection, [deleteFlow({ table: 0, priority: 1, match: {} })]);
  await expect(bundle).rejects.toMatchObject({ code: "unavailable" });
});
