import { startReceiver } from "@holdfast/collector";
import { silentLogger } from "@holdfast/core";

/** Our receiver as a process: `node own-receiver.ts PORT BUFFER_BYTES`. Drains every 10 s, as the collector does, until it is killed. */
const [port = 0, receiveBufferBytes = 0] = process.argv.slice(2).map(Number);
const receiver = await startReceiver({ logger: silentLogger }, { address: "127.0.0.1", port, receiveBufferBytes });
setInterval(() => void receiver.drain(), 10_000);
