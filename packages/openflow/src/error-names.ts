/** Names of OpenFlow 1.4 errors by type and code (OpenFlow 1.4 section 7.4.4), as ovs-ofctl prints them. */
const STANDARD: Readonly<Record<number, { readonly prefix: string; readonly codes: readonly string[] }>> = {
  0: { prefix: "OFPHFC", codes: ["INCOMPATIBLE", "EPERM"] },
  1: {
    prefix: "OFPBRC",
    codes: [
      "BAD_VERSION",
      "BAD_TYPE",
      "BAD_STAT",
      "BAD_VENDOR",
      "BAD_SUBTYPE",
      "EPERM",
      "BAD_LEN",
      "BUFFER_EMPTY",
      "BUFFER_UNKNOWN",
      "BAD_TABLE_ID",
      "IS_SECONDARY",
      "BAD_PORT",
      "BAD_PACKET",
      "MULTIPART_BUFFER_OVERFLOW",
      "MULTIPART_REQUEST_TIMEOUT",
      "MULTIPART_REPLY_TIMEOUT",
    ],
  },
  2: {
    prefix: "OFPBAC",
    codes: [
      "BAD_TYPE",
      "BAD_LEN",
      "BAD_VENDOR",
      "BAD_VENDOR_TYPE",
      "BAD_OUT_PORT",
      "BAD_ARGUMENT",
      "EPERM",
      "TOO_MANY",
      "BAD_QUEUE",
      "BAD_OUT_GROUP",
      "MATCH_INCONSISTENT",
      "UNSUPPORTED_ORDER",
      "BAD_TAG",
      "BAD_SET_TYPE",
      "BAD_SET_LEN",
      "BAD_SET_ARGUMENT",
    ],
  },
  3: {
    prefix: "OFPBIC",
    codes: [
      "UNKNOWN_INST",
      "UNSUP_INST",
      "BAD_TABLE_ID",
      "UNSUP_METADATA",
      "UNSUP_METADATA_MASK",
      "BAD_EXPERIMENTER",
      "BAD_EXP_TYPE",
      "BAD_LEN",
      "EPERM",
      "DUP_INST",
    ],
  },
  4: {
    prefix: "OFPBMC",
    codes: [
      "BAD_TYPE",
      "BAD_LEN",
      "BAD_TAG",
      "BAD_DL_ADDR_MASK",
      "BAD_NW_ADDR_MASK",
      "BAD_WILDCARDS",
      "BAD_FIELD",
      "BAD_VALUE",
      "BAD_MASK",
      "BAD_PREREQ",
      "DUP_FIELD",
      "EPERM",
    ],
  },
  5: {
    prefix: "OFPFMFC",
    codes: [
      "UNKNOWN",
      "TABLE_FULL",
      "BAD_TABLE_ID",
      "OVERLAP",
      "EPERM",
      "BAD_TIMEOUT",
      "BAD_COMMAND",
      "BAD_FLAGS",
      "CANT_SYNC",
      "BAD_PRIORITY",
      "IS_SYNC",
    ],
  },
  12: {
    prefix: "OFPMMFC",
    codes: [
      "UNKNOWN",
      "METER_EXISTS",
      "INVALID_METER",
      "UNKNOWN_METER",
      "BAD_COMMAND",
      "BAD_FLAGS",
      "BAD_RATE",
      "BAD_BURST",
      "BAD_BAND",
      "BAD_BAND_TYPE",
      "OUT_OF_METERS",
      "OUT_OF_BANDS",
    ],
  },
  17: {
    prefix: "OFPBFC",
    codes: [
      "UNKNOWN",
      "EPERM",
      "BAD_ID",
      "BUNDLE_EXIST",
      "BUNDLE_CLOSED",
      "OUT_OF_BUNDLES",
      "BAD_TYPE",
      "BAD_FLAGS",
      "MSG_BAD_LEN",
      "MSG_BAD_XID",
      "MSG_UNSUP",
      "MSG_CONFLICT",
      "MSG_TOO_MANY",
      "MSG_FAILED",
      "TIMEOUT",
      "BUNDLE_IN_PROGRESS",
    ],
  },
};

/** Nicira's experimenter errors that flow changes can raise (ofp-errors.h of Open vSwitch 3.1, "NX1.2+"). */
const NICIRA_ERRORS: Readonly<Record<number, string>> = {
  2: "NXBRC_NXM_INVALID",
  3: "NXBRC_NXM_BAD_TYPE",
  4: "NXBRC_MUST_BE_ZERO",
  11: "NXBAC_MUST_BE_ZERO",
  12: "NXFMFC_HARDWARE",
  13: "NXFMFC_BAD_TABLE_ID",
  15: "NXBAC_BAD_CONJUNCTION",
  22: "OFPBFC_BAD_VERSION",
  37: "NXFMFC_INVALID_TLV_FIELD",
  42: "NXBAC_CT_DATAPATH_SUPPORT",
  43: "NXBMC_CT_DATAPATH_SUPPORT",
};

/** The name of a standard error, e.g. `(4, 9)` is `"OFPBMC_BAD_PREREQ"`; `"OFPET_6/3"` when it is none that flow work raises. */
export function standardErrorName(type: number, code: number): string {
  const group = STANDARD[type];
  const name = group?.codes[code];
  return group === undefined || name === undefined ? `OFPET_${type}/${code}` : `${group.prefix}_${name}`;
}

/** The name of a Nicira error, e.g. 13 is `"NXFMFC_BAD_TABLE_ID"`. */
export function niciraErrorName(type: number): string {
  return NICIRA_ERRORS[type] ?? `NX_${type}`;
}
