/** Numbers of OpenFlow 1.4.0 (ONF TS-012) and of the Nicira extensions (nicira-ext.h) that we use. */

/** OpenFlow 1.4. */
export const VERSION = 0x05;

/** OFPT_*: section 7.1.1. */
export const MessageType = {
  hello: 0,
  error: 1,
  echoRequest: 2,
  echoReply: 3,
  experimenter: 4,
  setConfig: 9,
  packetIn: 10,
  packetOut: 13,
  flowMod: 14,
  multipartRequest: 18,
  multipartReply: 19,
  barrierRequest: 20,
  barrierReply: 21,
  setAsync: 28,
  meterMod: 29,
  bundleControl: 33,
  bundleAdd: 34,
} as const;

/** OFPBCT_*: section 7.3.9.1. */
export const BundleControl = {
  openRequest: 0,
  openReply: 1,
  closeRequest: 2,
  closeReply: 3,
  commitRequest: 4,
  commitReply: 5,
  discardRequest: 6,
  discardReply: 7,
} as const;

/** OFPBF_ATOMIC | OFPBF_ORDERED. */
export const BUNDLE_FLAGS = 0b11;

/** OFPACPT_*: section 7.3.10. */
export const AsyncEvents = { portStatus: 3, flowRemoved: 5 } as const;

/** OFPFC_*: section 7.3.4.1. */
export const FlowCommand = { add: 0, deleteStrict: 4 } as const;

/** OFPMP_*: section 7.3.5. */
export const Multipart = { flow: 1, meterConfig: 10, portDescription: 13 } as const;

/** OFPMPF_REPLY_MORE. */
export const REPLY_MORE = 1;

/** OFPAT_*: section 7.2.5. */
export const ActionType = {
  output: 0,
  pushVlan: 17,
  popVlan: 18,
  decrementTtl: 24,
  setField: 25,
  experimenter: 0xffff,
} as const;

/** NXAST_*. */
export const NiciraAction = {
  registerMove: 6,
  resubmitTable: 14,
  outputRegister: 15,
  conjunction: 34,
  conntrack: 35,
  nat: 36,
  controller2: 37,
} as const;
/** NXAC2PT_METER_ID: a property of NXAST_CONTROLLER2. */
export const CONTROLLER_METER = 5;
export const NICIRA = 0x0000_2320;

/** NXT_*. */
export const NiciraMessage = { flushConnections: 32 } as const;

/** OFPIT_APPLY_ACTIONS: section 7.2.4. */
export const APPLY_ACTIONS = 4;

/** OFPIT_METER: section 7.2.4. */
export const METER_INSTRUCTION = 6;

/** OFPMC_*: section 7.3.4.5. */
export const MeterCommand = { add: 0, modify: 1, delete: 2 } as const;

/** OFPMF_*: section 7.3.4.5. */
export const MeterFlag = { kilobits: 1, packets: 2, burst: 4 } as const;

/** OFPMBT_DROP: section 7.3.4.5. */
export const DROP_BAND = 1;

/** OFPMT_OXM: section 7.2.3.1. */
export const MATCH_OXM = 1;

/** OFPP_*, OFPG_* and OFP_NO_BUFFER where all bits are set: any, none. */
export const ANY = 0xffff_ffff;

/** OFPVID_PRESENT: bit 12 of an OXM VLAN id says that there is a tag. */
export const VLAN_PRESENT = 0x1000;

export const ETHERTYPE_VLAN = 0x8100;

/** Reserved port numbers (OFPP_*): section 7.2.1. */
export const ReservedPort = {
  inPort: 0xffff_fff8,
  normal: 0xffff_fffa,
  controller: 0xffff_fffd,
  local: 0xffff_fffe,
} as const;

/** Longest message: its length is a 16-bit field. */
export const LONGEST_MESSAGE = 0xffff;
