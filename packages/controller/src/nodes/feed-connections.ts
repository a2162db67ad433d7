import type { Writable } from "node:stream";
import type { Name } from "@holdfast/core";
import type { NodeFeedMessage } from "@holdfast/model";
import { FeedConnection, lineOf } from "./feed-connection.ts";

/** The nodes that listen, and what goes to one of them or to all. */
export interface FeedConnections {
  /** Tells the node what there is, then what is sent, until the output is closed. */
  add(node: Name, output: Writable, snapshot: Iterable<NodeFeedMessage>): void;
  has(node: Name): boolean;
  send(node: Name, message: NodeFeedMessage): void;
  sendToAll(message: NodeFeedMessage): void;
  /** To whom has nothing else to read. */
  sendToIdle(message: NodeFeedMessage): void;
  readonly size: number;
  close(): void;
}

export interface FeedConnectionsOptions {
  /** Characters of news that may wait for a slow reader. */
  readonly mostWaiting: number;
  readonly dropped: () => void;
}

export function createFeedConnections({ mostWaiting, dropped }: FeedConnectionsOptions): FeedConnections {
  const open = new Map<Name, Set<{ readonly connection: FeedConnection; readonly output: Writable }>>();

  return {
    get size() {
      return [...open.values()].reduce((sum, { size }) => sum + size, 0);
    },

    add(node, output, snapshot) {
      const connection = new FeedConnection(output, snapshot, { mostWaiting, tooSlow: dropped });
      const entry = { connection, output };
      const connections = open.get(node) ?? new Set();
      open.set(node, connections.add(entry));
      output.on("close", () => {
        connections.delete(entry);
        if (connections.size === 0 && open.get(node) === connections) open.delete(node);
      });
      connection.pump();
    },

    has: (node) => open.has(node),

    send(node, message) {
      const connections = open.get(node);
      if (connections === undefined) return;
      const line = lineOf(message);
      for (const { connection } of connections) connection.send(line);
    },

    sendToAll(message) {
      const line = lineOf(message);
      for (const connections of open.values()) for (const { connection } of connections) connection.send(line);
    },

    sendToIdle(message) {
      const line = lineOf(message);
      for (const connections of open.values()) {
        for (const { connection } of connections) if (connection.idle) connection.send(line);
      }
    },

    close() {
      for (const connections of open.values()) for (const { output } of connections) output.destroy();
    },
  };
}
