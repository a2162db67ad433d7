import {
  attribute,
  LITTLE_ENDIAN,
  nestedAttribute,
  parseAttributes,
  readNested,
  textAttribute,
  viewOf,
} from "../codec/attributes.ts";
import { Flag, type Request } from "../codec/message.ts";
import { Attribute, TCMSG_LENGTH, TrafficMessage, tcmsg } from "./tcmsg.ts";

/*
 * One filter that takes all that comes in at a link: its selector (cls_u32) asks for nothing, and its action (act_mirred) has the packet come in at another link. Both are in more
 * kernels than cls_matchall is.
 */

/** Attributes of linux/pkt_cls.h and linux/tc_act/tc_mirred.h. */
const U32 = { selector: 5, action: 7 } as const;
const Action = { kind: 1, options: 2 } as const;
const MIRRED_PARAMETERS = 2;

/** The place for what comes in, and what is in it (linux/pkt_sched.h). */
const TC_H_INGRESS = 0xfffffff1;
const INGRESS_HANDLE = 0xffff0000;
const INGRESS_FILTERS = 0xfffffff2;
/** Priority 1, in the upper half; all protocols (ETH_P_ALL), in network order, in the lower. */
const FIRST_OF_ALL = 0x10300;
/** struct tc_u32_sel without a key. */
const SELECTOR_LENGTH = 16;
const TC_U32_TERMINAL = 1;
/** struct tc_mirred: index, capabilities, verdict, two counts, what is done, index of the link. */
const TC_ACT_STOLEN = 4;
const TCA_INGRESS_REDIR = 3;
const ACTION_AT = 20;
const LINK_AT = 24;
const MIRRED_LENGTH = 28;

/** The queueing discipline that filters of what comes in are tied to. */
export function ingressQdiscRequest(index: number): Request {
  return {
    type: TrafficMessage.newQdisc,
    flags: Flag.create | Flag.exclusive | Flag.ack,
    body: [tcmsg(index, INGRESS_HANDLE, TC_H_INGRESS), textAttribute(Attribute.kind, "ingress")],
  };
}

/** `to`: index of the link that it comes in at instead. */
export function redirectRequest(index: number, to: number): Request {
  const selector = new Uint8Array(SELECTOR_LENGTH);
  selector[0] = TC_U32_TERMINAL;
  const mirred = new Uint8Array(MIRRED_LENGTH);
  const view = viewOf(mirred);
  view.setInt32(8, TC_ACT_STOLEN, LITTLE_ENDIAN);
  view.setInt32(ACTION_AT, TCA_INGRESS_REDIR, LITTLE_ENDIAN);
  view.setUint32(LINK_AT, to, LITTLE_ENDIAN);
  const action = nestedAttribute(1, [
    textAttribute(Action.kind, "mirred"),
    nestedAttribute(Action.options, [attribute(MIRRED_PARAMETERS, mirred)]),
  ]);
  return {
    type: TrafficMessage.newFilter,
    flags: Flag.create | Flag.ack,
    body: [
      filterHead(index, FIRST_OF_ALL),
      textAttribute(Attribute.kind, "u32"),
      nestedAttribute(Attribute.options, [attribute(U32.selector, selector), nestedAttribute(U32.action, [action])]),
    ],
  };
}

export function deleteRedirectRequest(index: number): Request {
  return { type: TrafficMessage.deleteFilter, flags: Flag.ack, body: [filterHead(index, FIRST_OF_ALL)] };
}

export function listFiltersRequest(index: number): Request {
  return { type: TrafficMessage.getFilter, flags: Flag.dump, body: [filterHead(index, 0)] };
}

/** Index of the link where what a filter takes comes in; undefined for a filter that does something else. */
export function decodeRedirect(body: Uint8Array): number | undefined {
  const options = readNested(parseAttributes(body, TCMSG_LENGTH), Attribute.options);
  const action = readNested(readNested(options, U32.action), 1);
  const mirred = readNested(action, Action.options).get(MIRRED_PARAMETERS);
  if (mirred === undefined || mirred.length < MIRRED_LENGTH) return undefined;
  const view = viewOf(mirred);
  return view.getInt32(ACTION_AT, LITTLE_ENDIAN) === TCA_INGRESS_REDIR
    ? view.getUint32(LINK_AT, LITTLE_ENDIAN)
    : undefined;
}

function filterHead(index: number, info: number): Uint8Array {
  return tcmsg(index, 0, INGRESS_FILTERS, info);
}
