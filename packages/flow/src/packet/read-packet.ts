import {
  type Cursor,
  END,
  LAYER_ARP,
  LAYER_ETHERNET,
  LAYER_IPV4,
  LAYER_IPV6,
  LAYER_MPLS,
  LAYER_PPP,
  LAYER_TRANSPORT,
  type Layer,
} from "./cursor.ts";
import { readArp, readEthernet, readMpls, readPpp } from "./ethernet.ts";
import { readIpv4, readIpv6 } from "./ip.ts";
import { readTransport } from "./transport.ts";

/**
 * Reads a packet that begins where the cursor is into the key there and, of what a tunnel carries, into the key behind it. Both must be clear.
 * Any bytes will do: what cannot be read ends the key and is told by its flags. A depth of 1 follows no tunnel: the cursor then ends where
 * the head of the outer transport begins.
 */
export function readPacket(cursor: Cursor, layer: Layer, depth: 0 | 1 = 0): void {
  cursor.depth = depth;
  let next = layer;
  while (next !== END) next = readLayer(cursor, next);
}

/** Every layer takes bytes or ends the packet, so this comes to an end. */
function readLayer(cursor: Cursor, layer: Layer): Layer {
  switch (layer) {
    case LAYER_ETHERNET:
      return readEthernet(cursor);
    case LAYER_IPV4:
      return readIpv4(cursor);
    case LAYER_IPV6:
      return readIpv6(cursor);
    case LAYER_TRANSPORT:
      return readTransport(cursor);
    case LAYER_ARP:
      return readArp(cursor);
    case LAYER_MPLS:
      return readMpls(cursor);
    case LAYER_PPP:
      return readPpp(cursor);
    default:
      return END;
  }
}
