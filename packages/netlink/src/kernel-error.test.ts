import { isHoldfastError } from "@holdfast/core";
import { describe, expect, test } from "vitest";

import { attempt, KernelError } from "./kernel-error.ts";
import { check, errnoName, errnoNumber, errnoText, libc } from "./libc.ts";

describe("a kernel error", () => {
  test("names task, errno, the kernel's own words and a remedy", () => {
    const error = new KernelError({ task: "create veth h-7", errno: 1, explanation: "Not in this namespace" });
    expect(error.message).toBe(
      "cannot create veth h-7: Operation not permitted (EPERM): Not in this namespace; run it as root (CAP_NET_ADMIN, CAP_SYS_ADMIN)",
    );
    expect(error).toMatchObject({ code: "kernel_rejected", errno: 1, errnoName: "EPERM", retryable: false });
    expect(isHoldfastError(error, "kernel_rejected")).toBe(true);
  });

  test("is retryable when it passes by itself", () => {
    for (const [errno, retryable] of [
      [16, true],
      [105, true],
      [22, false],
    ] as const) {
      expect(new KernelError({ task: "try", errno }).retryable, errnoName(errno)).toBe(retryable);
    }
  });

  test("comes of a system call that was refused", () => {
    const close = () => check("close", libc.close(-1));
    expect(() => attempt("close nothing", close)).toThrow(/^cannot close nothing: Bad file descriptor \(EBADF\)$/);
    expect(() => attempt("fail otherwise", () => JSON.parse("{"))).toThrow(SyntaxError);
  });
});

describe("an errno", () => {
  test("has the name that man pages use where two share a number", () => {
    expect([11, 19, 35, 95].map(errnoName)).toEqual(["EAGAIN", "ENODEV", "EDEADLK", "EOPNOTSUPP"]);
    expect(errnoNumber("ENODEV")).toBe(19);
    expect(errnoName(4711)).toBe("E4711");
    expect(errnoText(19)).toBe("No such device");
  });
});
