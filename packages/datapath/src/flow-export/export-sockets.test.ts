import { parseFlowTarget } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { countRemotes } from "./export-sockets.ts";

const V4 = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 3129: 0100007F:C350 0100007F:18C7 01 00000000:00000000 00:00000000 00000000     0        0 16211 2 0000000000000000 0
 3130: 0100007F:C351 0100007F:18C7 01 00000000:00000000 00:00000000 00000000     0        0 16212 2 0000000000000000 0
 3131: 00000000:18C7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 16213 2 0000000000000000 0
 3132: 050200C0:C352 050200C0:18C8 01 00000000:00000000 00:00000000 00000000     0        0 16214 2 0000000000000000 0
`;
const V6 = `  sl  local_address                         remote_address                        st
 3133: B80D0120000000000000000001000000:C353 B80D0120000000000000000005000000:18C7 01 00000000:00000000
`;

describe("sockets of an export", () => {
  test.each([
    { target: "127.0.0.1", table: V4, count: 2 },
    { target: "127.0.0.1:6344", table: V4, count: 0 },
    { target: "192.0.2.5:6344", table: V4, count: 1 },
    { target: "2001:db8::5", table: V6, count: 1 },
    { target: "2001:db8::6", table: V6, count: 0 },
  ])("to $target: $count", ({ target, table, count }) => {
    expect(countRemotes(table, parseFlowTarget(target))).toBe(count);
  });
});
