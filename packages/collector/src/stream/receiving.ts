import type { Logger } from "@holdfast/core";
import { startOwnThread } from "../receiver/own-thread.ts";
import { warnOfSmallBuffer } from "../receiver/receiver.ts";
import type { UdpSocketOptions } from "../receiver/udp-socket.ts";
import type { FromReceiving, ReceivingOptions, ReceivingState, ToReceiving } from "./receiving-messages.ts";

/** Takes sFlow, and puts the datagrams as they are into the stream. */
export interface StreamReceiver {
  readonly port: number;
  /** As of the last second. */
  state(): ReceivingState;
  /** Resolves when it has stopped. @throws HoldfastError `unavailable` when it failed, and takes no more. */
  readonly ended: Promise<void>;
  /** Takes no more, and gives Redis what it has, as far as Redis takes it within seconds. Stopping twice is no error. */
  stop(): Promise<void>;
}

/** @throws HoldfastError `conflict` when somebody else has the port, `unavailable` when it cannot be opened for another reason */
export async function startStreamReceiver(
  { logger }: { readonly logger: Logger },
  options: ReceivingOptions & UdpSocketOptions,
): Promise<StreamReceiver> {
  let state: ReceivingState = {
    redis: { state: "away", since: Date.now() },
    counts: { sent: 0, waiting: 0, dropped: 0, bytes: 0 },
    stream: { entries: 0, bytes: 0 },
  };
  const thread = await startOwnThread<typeof options, ToReceiving, FromReceiving>(logger, {
    name: "sFlow receiver",
    file: new URL("./receiving-thread.ts", import.meta.url),
    options,
    hear(message) {
      if (message.kind !== "state") return;
      if (message.state.redis.state !== state.redis.state) tellOfRedis(logger, message.state.redis);
      state = message.state;
    },
  });
  const { port, receiveBufferBytes } = thread.ready;
  warnOfSmallBuffer(logger, options.receiveBufferBytes, receiveBufferBytes);
  return {
    port,
    state: () => state,
    ended: thread.ended,
    async stop() {
      thread.say({ kind: "stop" });
      await thread.ended.catch(() => undefined);
      const { waiting } = state.counts;
      if (waiting > 0) logger.warn("datagrams that Redis did not take are lost with this process", { waiting });
    },
  };
}

function tellOfRedis(logger: Logger, { state, error }: ReceivingState["redis"]): void {
  if (state === "connected") logger.info("the receiver is connected to Redis");
  else logger.warn("the receiver does not reach Redis: datagrams wait in memory", { error });
}
