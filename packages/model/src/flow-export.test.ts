import { describe, expect, test } from "vitest";
import { flowExportSchema, flowTargetText, parseFlowTarget, parseFlowTargets } from "./flow-export.ts";

describe("a target", () => {
  test.each([
    { text: "192.0.2.5", is: "192.0.2.5:6343" },
    { text: "192.0.2.5:9999", is: "192.0.2.5:9999" },
    { text: "2001:db8::5", is: "[2001:db8::5]:6343" },
    { text: "[2001:db8::5]:9999", is: "[2001:db8::5]:9999" },
  ])("$text is $is", ({ text, is }) => {
    expect(flowTargetText(parseFlowTarget(text))).toBe(is);
  });

  test.each(["collector.example", "192.0.2.5:", "192.0.2.5:0", "192.0.2.5:65536", "", "192.0.2.0/24"])(
    "is not %j",
    (text) => {
      expect(() => parseFlowTarget(text)).toThrow(/is not ADDRESS or ADDRESS:PORT/);
    },
  );
});

describe("targets", () => {
  test("are separated by commas, and none is none", () => {
    expect(parseFlowTargets("192.0.2.5, 2001:db8::5").map(flowTargetText)).toEqual([
      "192.0.2.5:6343",
      "[2001:db8::5]:6343",
    ]);
    expect(parseFlowTargets("")).toEqual([]);
  });

  test("are named once each, and are few", () => {
    expect(() => parseFlowTargets("192.0.2.5,192.0.2.5:6343")).toThrow(/names a target twice/);
    const nine = Array.from({ length: 9 }, (_, index) => `192.0.2.${index}`).join();
    expect(() => parseFlowTargets(nine)).toThrow("9 targets are more than 8");
  });

  test("are told with their ports", () => {
    const told = (target: string) => ({ targets: [target], sampling: 400, pollingSeconds: 30 });
    expect(flowExportSchema.safeParse(told("192.0.2.5:6343")).success).toBe(true);
    expect(flowExportSchema.safeParse(told("192.0.2.5")).success).toBe(false);
    expect(flowExportSchema.safeParse(told("collector:6343")).success).toBe(false);
  });
});
