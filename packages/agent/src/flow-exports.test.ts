import type { FlowExportSettings } from "@holdfast/datapath";
import { type NodeRecord, nodeRecordSchema, nodeReportSchema, parseFlowTargets } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { createFlowExports, type OwnFlowExport } from "./flow-exports.ts";

const report = nodeReportSchema.parse({ version: "1", sflowAgent: "192.168.50.11" });
const told = (targets: readonly string[], sampling = 400): NodeRecord =>
  nodeRecordSchema.parse({
    name: "h1",
    ...report,
    flowExport: { targets, sampling, pollingSeconds: 30 },
    state: "ready",
    createdAt: "2026-01-01T00:00:00.000Z",
    revision: 1,
  });

function start(own: OwnFlowExport = {}, body = report) {
  const set: (FlowExportSettings | undefined)[] = [];
  const exports = createFlowExports({ set: (settings) => void set.push(settings) }, { own, report: body });
  return { exports, set };
}

const settings = (targets: string, more: Partial<FlowExportSettings> = {}) => ({
  targets: parseFlowTargets(targets),
  sampling: 400,
  pollingSeconds: 30,
  agent: report.sflowAgent,
  ...more,
});

describe("a node's export of sFlow", () => {
  test("is as the controller says, and told to the switch when that changes", () => {
    const { exports, set } = start();
    expect(set).toEqual([]);
    for (const record of [told(["192.0.2.5:6343"]), told(["192.0.2.5:6343"]), told(["192.0.2.5:6343"], 64), told([])])
      exports.hear(record);
    expect(set).toEqual([settings("192.0.2.5"), settings("192.0.2.5", { sampling: 64 }), undefined]);
  });

  test("is as the node's own configuration says, where that says something", () => {
    const { exports, set } = start({ targets: parseFlowTargets("192.0.2.9"), pollingSeconds: 5 });
    exports.hear(told(["192.0.2.5:6343"], 64));
    expect(set).toEqual([settings("192.0.2.9", { sampling: 64, pollingSeconds: 5 })]);
  });

  test("is none where the node wants none", () => {
    const { exports, set } = start({ targets: [] });
    exports.hear(told(["192.0.2.5:6343"]));
    expect(set).toEqual([undefined]);
  });

  test("is left as it is by a controller that says nothing of it, unless the node does", () => {
    const { flowExport: _, ...older } = told([]);
    const plain = start();
    plain.exports.hear(older);
    expect(plain.set).toEqual([]);
    const own = start({ targets: parseFlowTargets("192.0.2.9") });
    own.exports.hear(older);
    expect(own.set).toEqual([settings("192.0.2.9")]);
  });

  test("is none without an address to be known by", () => {
    const { exports, set } = start({}, nodeReportSchema.parse({ version: "1" }));
    exports.hear(told(["192.0.2.5:6343"]));
    expect(set).toEqual([undefined]);
  });
});
