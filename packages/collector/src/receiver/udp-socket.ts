import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { HoldfastError } from "@holdfast/core";

export interface UdpSocketOptions {
  /** Where datagrams are taken: an address of this machine, `0.0.0.0`, or `::` for both families. */
  readonly address: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Asked of the kernel, which gives no more than `net.core.rmem_max`. */
  readonly receiveBufferBytes: number;
}

/** A socket that takes datagrams. */
export interface UdpSocket {
  readonly port: number;
  /** What the kernel gave, half of what it counts (socket(7), SO_RCVBUF): less than asked for when `net.core.rmem_max` is less. */
  readonly receiveBufferBytes: number;
  /** Takes no more. Closing twice is no error. */
  close(): Promise<void>;
}

/**
 * Opens a socket and gives each datagram to `take`, which has its bytes for itself.
 *
 * @throws HoldfastError `conflict` when somebody else has the port, `unavailable` for whatever else keeps it from opening
 */
export async function openUdpSocket(
  options: UdpSocketOptions,
  take: (datagram: Uint8Array) => void,
): Promise<UdpSocket> {
  const { address, port, receiveBufferBytes } = options;
  const socket = createSocket({ type: isIPv6(address) ? "udp6" : "udp4", recvBufferSize: receiveBufferBytes });
  try {
    const listening = once(socket, "listening");
    socket.bind({ address, port });
    await listening;
  } catch (error) {
    socket.close();
    throw explained(error as NodeJS.ErrnoException, options);
  }
  socket.on("message", take);
  // Errors of single datagrams (ICMP) are no reason to end; the next one comes all the same.
  socket.on("error", () => undefined);
  let isClosed = false;
  return {
    port: socket.address().port,
    receiveBufferBytes: socket.getRecvBufferSize() / 2,
    async close() {
      if (isClosed) return;
      isClosed = true;
      const closed = once(socket, "close");
      socket.close();
      await closed;
    },
  };
}

function explained(error: NodeJS.ErrnoException, { address, port }: UdpSocketOptions): HoldfastError {
  const where = `UDP ${isIPv6(address) ? `[${address}]` : address}:${port}`;
  switch (error.code) {
    case "EADDRINUSE":
      return new HoldfastError(
        "conflict",
        `cannot take sFlow on ${where}: another program has the port; \`ss -lunp\` shows which`,
        {
          cause: error,
        },
      );
    case "EACCES":
      return new HoldfastError(
        "unavailable",
        `cannot take sFlow on ${where}: ports below 1024 need CAP_NET_BIND_SERVICE`,
        {
          cause: error,
          retryable: false,
        },
      );
    case "EADDRNOTAVAIL":
      return new HoldfastError("unavailable", `cannot take sFlow on ${where}: this machine does not have the address`, {
        cause: error,
      });
    default:
      return new HoldfastError("unavailable", `cannot take sFlow on ${where}: ${error.message}`, { cause: error });
  }
}
