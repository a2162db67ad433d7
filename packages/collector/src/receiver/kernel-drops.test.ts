import { expect, test } from "vitest";
import { dropsIn } from "./kernel-drops.ts";

const TABLE = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 00000000:18C7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 11111 2 0000000000000000 12
  101: 0100007F:18C7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 22222 2 0000000000000000 30
  102: 00000000:0035 00000000:18C7 07 00000000:00000000 00:00000000 00000000     0        0 33333 2 0000000000000000 500
`;

test("the kernel's drops are of all sockets that have the port, and of no other", () => {
  expect(dropsIn(TABLE, 6343)).toBe(42);
  expect(dropsIn(TABLE, 53)).toBe(500);
  expect(dropsIn(TABLE, 1)).toBe(0);
  expect(dropsIn("", 6343)).toBe(0);
});
