import koffi from "koffi";
import { LITTLE_ENDIAN } from "../codec/attributes.ts";
import { check } from "../libc.ts";

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
/** linux/bpf_common.h: load a word, jump if it is equal, give a constant. */
const LOAD_WORD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
/** Where a message has the port of who caused it (struct nlmsghdr). */
const PORT_OFFSET = 12;

// linux/filter.h
const instruction = koffi.struct({ code: "uint16_t", jt: "uint8_t", jf: "uint8_t", k: "uint32_t" });
const program = koffi.struct({ len: "uint16_t", filter: koffi.pointer(instruction) });
const setsockopt = koffi
  .load(null)
  .func("setsockopt", "int", ["int", "int", "int", koffi.pointer(program), "uint32_t"]);

/**
 * Has the kernel keep from a listener what the socket with this port has caused: all messages of one datagram have one cause. A socket that changes sets
 * for each endpoint would otherwise hear of each change.
 *
 * @throws SystemError when the kernel refuses the filter.
 */
export function keepOwnFrom(listener: number, port: number): void {
  const filter = [
    { code: LOAD_WORD, jt: 0, jf: 0, k: PORT_OFFSET },
    { code: JUMP_IF_EQUAL, jt: 0, jf: 1, k: asRead(port) },
    { code: RETURN, jt: 0, jf: 0, k: 0 },
    { code: RETURN, jt: 0, jf: 0, k: 0xffffffff },
  ];
  const options = { len: filter.length, filter };
  check("setsockopt SO_ATTACH_FILTER", setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, options, 16));
}

/** Filters read words as networks have them, and netlink has them as the machine does. */
function asRead(port: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, port, LITTLE_ENDIAN);
  return view.getUint32(0, false);
}
