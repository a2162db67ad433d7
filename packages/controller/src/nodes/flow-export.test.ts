import { Name } from "@holdfast/core";
import { nodeReportSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { startEngine } from "../testing/engine-harness.ts";

const flowExport = { targets: ["192.0.2.5:6343"], sampling: 400, pollingSeconds: 30 };
const h1 = Name.parse("h1");
const report = (more: object = {}) => nodeReportSchema.parse({ version: "1", ...more });

describe("the export of sFlow", () => {
  test("is told to an agent that says by which address it would be known", async () => {
    await using harness = await startEngine({ options: { flowExport } });
    const { nodes } = harness.engine.nouns;
    const answer = await nodes.report(h1, report({ sflowAgent: "192.168.50.11" }));
    expect(answer).toMatchObject({ flowExport, sflowAgent: "192.168.50.11" });
    expect(nodes.get(h1)).not.toHaveProperty("flowExport");
  });

  test("is not told to an older agent, which would refuse the answer", async () => {
    await using harness = await startEngine({ options: { flowExport } });
    const answer = await harness.engine.nouns.nodes.report(h1, report());
    expect(answer).not.toHaveProperty("flowExport");
  });
});
