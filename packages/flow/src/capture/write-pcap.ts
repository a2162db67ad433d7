const IPV4_HEAD = 20;
const UDP_HEAD = 8;
const RECORD_HEAD = 16;
const HEADS = IPV4_HEAD + UDP_HEAD;
/** Raw IP (tcpdump.org/linktypes.html). */
const LINKTYPE_RAW = 101;
const UDP = 17;
const LOOPBACK = 0x7f00_0001;

/** How a pcap file of {@link pcapDatagram} begins: draft-ietf-opsawg-pcap section 4. */
export function pcapHead(): Uint8Array {
  const view = new DataView(new ArrayBuffer(24));
  view.setUint32(0, 0xa1b2c3d4, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, 0xffff, true);
  view.setUint32(20, LINKTYPE_RAW, true);
  return new Uint8Array(view.buffer);
}

/**
 * A packet of a pcap file with a datagram of UDP, from and to this machine: who sent it is not known any more.
 *
 * @param at milliseconds since 1970
 */
export function pcapDatagram(payload: Uint8Array, at: number, port: number): Uint8Array {
  const packet = HEADS + payload.length;
  const bytes = new Uint8Array(RECORD_HEAD + packet);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(at / 1000), true);
  view.setUint32(4, Math.floor((at % 1000) * 1000), true);
  view.setUint32(8, packet, true);
  view.setUint32(12, packet, true);
  writeIpv4(new DataView(bytes.buffer, RECORD_HEAD), packet);
  const udp = RECORD_HEAD + IPV4_HEAD;
  view.setUint16(udp, port);
  view.setUint16(udp + 2, port);
  // Without checksum, which UDP over IPv4 may be (RFC 768).
  view.setUint16(udp + 4, UDP_HEAD + payload.length);
  bytes.set(payload, RECORD_HEAD + HEADS);
  return bytes;
}

/** RFC 791 section 3.1. */
function writeIpv4(view: DataView, length: number): void {
  view.setUint8(0, 0x45);
  view.setUint16(2, length);
  view.setUint8(8, 64);
  view.setUint8(9, UDP);
  view.setUint32(12, LOOPBACK);
  view.setUint32(16, LOOPBACK);
  let sum = 0;
  for (let at = 0; at < IPV4_HEAD; at += 2) sum += view.getUint16(at);
  sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(10, ~(sum + (sum >>> 16)));
}
