import { readFileSync } from "node:fs";
import type { FlowStatus } from "@holdfast/model";
import { expect, test } from "vitest";
import { createMemoryStore } from "../testing/memory-store.ts";
import { createEndpointTraffic } from "./endpoint-traffic.ts";
import { metricsText } from "./metrics.ts";
import { storeFamilies } from "./store-metrics.ts";

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
  readonly templating: { readonly list: readonly { readonly query: unknown }[] };
}

const file = new URL("../../../../deploy/grafana/holdfast-flows.json", import.meta.url);
const dashboard = JSON.parse(readFileSync(file, "utf8")) as Dashboard;

const share = { bytes: 0, unattributedBytes: 0, unnamedOutsideBytes: 0 };
const status: FlowStatus = {
  startedAt: "2026-11-20T10:00:00.000Z",
  taken: { datagrams: 0, bytes: 0, samples: 0, discards: 0 },
  lost: { kernel: 0, missing: 0, leftOut: 0, early: 0, store: 0 },
  refused: { version: 1 },
  unknownFormats: 0,
  share,
  inventory: { state: "off", since: "2026-11-20T10:00:00.000Z", endpoints: 0, nodes: 0 },
  store: { kind: "memory", description: "" },
  exporters: [],
  exporterCount: 0,
};

/** Metrics with the labels that they have. */
function known(): ReadonlyMap<string, readonly string[]> {
  const families = [...createEndpointTraffic(1).families(), ...storeFamilies(createMemoryStore().state())];
  const lines = metricsText(status, families).split("\n");
  return new Map(
    lines.flatMap((line) => {
      const [, name, labels = ""] = /^(holdfast_\w+)(?:\{(.*)\})? /.exec(line) ?? [];
      return name === undefined
        ? []
        : [[name, [...labels.matchAll(/(\w+)="/g)].map(([, label = ""]) => label)] as const];
    }),
  );
}

test("the Grafana dashboard asks for metrics and labels that there are", () => {
  const metrics = known();
  const asked = [
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...dashboard.templating.list.map(({ query }) => JSON.stringify(query)),
  ];
  for (const expression of asked) {
    for (const [, name = "", selector = ""] of expression.matchAll(/(holdfast_\w+)(?:\{([^}]*)\})?/g)) {
      expect(metrics.has(name), `${name} in ${expression}`).toBe(true);
      const grouped = /by \(([^)]*)\)/.exec(expression)?.[1]?.split(", ") ?? [];
      const labels = [...[...selector.matchAll(/(\w+)[=!]/g)].map(([, label = ""]) => label), ...grouped];
      for (const label of labels) expect(metrics.get(name), `${label} in ${expression}`).toContain(label);
    }
  }
  expect(asked.length).toBeGreaterThan(10);
});
