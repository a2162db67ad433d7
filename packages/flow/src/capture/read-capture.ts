import { createByteSource } from "./byte-source.ts";
import { brokenCapture, type CapturedPacket, viewOf } from "./packet.ts";
import { isPcap, readPcap } from "./pcap.ts";
import { isPcapng, readPcapng } from "./pcapng.ts";

/**
 * The packets of a pcap or pcapng file, in the file's order, as its bytes come.
 *
 * @throws HoldfastError `invalid_argument`, naming the byte, where the file is broken; the packets before it were given
 */
export async function* readCapture(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<CapturedPacket> {
  const source = createByteSource(chunks);
  const magic = viewOf(await source.take(4));
  if (magic.byteLength < 4) throw brokenCapture(0, "not a capture: a pcap or pcapng file has 24 bytes at least");
  if (isPcap(magic)) yield* readPcap(source, magic);
  else if (isPcapng(magic)) yield* readPcapng(source);
  else throw brokenCapture(0, "neither a pcap nor a pcapng file");
}
