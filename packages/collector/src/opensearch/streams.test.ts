import { describe, expect, test } from "vitest";
import { streamName, streamNamed } from "./streams.ts";

const TEN_O_CLOCK = Date.UTC(2026, 10, 20, 10) / 1000;

describe("data streams", () => {
  test("are named by what they have and since when, and known by their names", () => {
    const partition = { kind: "fine", start: TEN_O_CLOCK } as const;
    expect(streamName("holdfast-flows", partition)).toBe("holdfast-flows-fine-2026.11.20-1000");
    expect(streamNamed("holdfast-flows", "holdfast-flows-fine-2026.11.20-1000")).toEqual(partition);
  });

  test.each([
    "holdfast-fine-2026.11.20-1000",
    "holdfast-links-fine-2026.11.20-1000",
    "holdfast-flows-2-fine-2026.11.20-1000",
    "holdfast-flows-ends-2026.11.20-1000",
    "holdfast-flows-fine-2026.11.20-1001",
    "holdfast-flows-fine-2026.11.20",
  ])("%s is somebody else's", (name) => {
    expect(streamNamed("holdfast-flows", name)).toBeUndefined();
  });
});
