import { startReceiver } from "@holdfast/collector";
import { silentLogger } from "@holdfast/core";
import { makeInventory } from "./inventory.ts";

/** Our receiver as a process, as the collector runs it: `node own-receiver.ts PORT BUFFER_BYTES`. */
const [port = 0, receiveBufferBytes = 0] = process.argv.slice(2).map(Number);
const receiver = await startReceiver(
  { logger: silentLogger, onWindow: () => undefined },
  {
    address: "127.0.0.1",
    port,
    receiveBufferBytes,
    windowMs: 10_000,
    settleMs: 2000,
    holdBytes: 256 * 1024 * 1024,
  },
);
receiver.learn(makeInventory());
