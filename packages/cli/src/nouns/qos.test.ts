import { describe, expect, test } from "vitest";
import { terminal } from "../testing/terminal.ts";

const bulk = {
  tenant: "default",
  name: "bulk",
  egress: { rate: "100Mbit", burst: "256KiB" },
  ingress: { rate: "1Gbit" },
  dscp: 34,
  guarantee: "50Mbit",
  labels: {},
  createdAt: "2026-11-20T10:00:00.000Z",
  revision: 7,
};
const PROFILES = "/v1/tenants/default/qos-profiles";

describe("holdfast qos", () => {
  test("shows a profile", async () => {
    const { run, screen } = terminal({ [`GET ${PROFILES}/bulk`]: { body: bulk } });
    expect(await run("qos show bulk")).toBe(0);
    expect(screen.out).toBe(
      "name:         bulk\n" +
        "tenant:       default\n" +
        "egress:       100Mbit, burst 256KiB\n" +
        "ingress:      1Gbit\n" +
        "connections:  no limit\n" +
        "DSCP:         34 (af41)\n" +
        "guarantee:    50Mbit\n" +
        "labels:       -\n" +
        "age:          5m12s\n",
    );
  });

  test("creates one from words", async () => {
    const { run, seen } = terminal({ [`POST ${PROFILES}`]: { status: 201, body: bulk } });
    const line = "qos create bulk --egress-rate 100Mbit --egress-packets 5000 --connections 500 --dscp ef";
    expect(await run(line)).toBe(0);
    expect(seen[0]?.body).toEqual({
      name: "bulk",
      egress: { rate: "100Mbit", packets: 5000 },
      connections: 500,
      dscp: "ef",
      labels: {},
    });
  });

  test("changes what is named, keeps the rest of a direction, and takes away what is none", async () => {
    const { run, seen } = terminal({
      [`GET ${PROFILES}/bulk`]: { body: bulk },
      [`PATCH ${PROFILES}/bulk`]: { body: bulk },
    });
    expect(await run("qos set bulk --egress-packets 100 --ingress-rate none --guarantee none")).toBe(0);
    expect(seen[1]?.body).toEqual({
      egress: { rate: "100Mbit", burst: "256KiB", packets: 100 },
      ingress: null,
      guarantee: null,
    });
    expect(await run("qos set bulk --egress-rate none --egress-packets 100")).toBe(0);
    expect(seen[3]?.body).toEqual({ egress: { packets: 100 } });
  });

  test("refuses a number that is none", async () => {
    const { run, screen, seen } = terminal();
    expect(await run("qos create bulk --connections many")).toBe(1);
    expect(screen.err).toBe("holdfast: many is no whole number\n");
    expect(seen).toEqual([]);
  });

  test("says who names the profile of a claim", async () => {
    const told = {
      profile: bulk,
      by: { kind: "group", group: "batch" },
      passedOver: [{ profile: "slow", by: { kind: "group", group: "web" } }],
    };
    const { run, screen } = terminal({ "POST /v1/qos/explain": { body: told } });
    expect(await run("qos explain redis-0 --network web")).toBe(0);
    expect(screen.out).toContain(
      "redis-0 has bulk, named by group batch\npassed over: slow, named by group web\nname:         bulk\n",
    );
  });

  test("lists none with the way to make one", async () => {
    const { run, screen } = terminal({ "GET /v1/qos-profiles": { body: { items: [], revision: 1 } } });
    expect(await run("qos list")).toBe(0);
    expect(screen.out).toContain("holdfast qos create bulk --egress-rate 100Mbit");
  });

  test("applies a profile before what names it", async () => {
    const file = `
apiVersion: holdfast/v1
kind: Group
metadata: { name: batch }
spec: { qos: bulk, selector: { matchLabels: { app: batch } } }
---
apiVersion: holdfast/v1
kind: QosProfile
metadata: { name: bulk }
spec: { egress: { rate: 200Mbit }, dscp: af41 }
`;
    const group = {
      tenant: "default",
      name: "batch",
      sharedWith: [],
      labels: {},
      createdAt: bulk.createdAt,
      revision: 8,
    };
    const { run, seen, screen } = terminal(
      {
        [`GET ${PROFILES}/bulk`]: { body: bulk },
        [`PATCH ${PROFILES}/bulk`]: { body: bulk },
        "POST /v1/tenants/default/groups": { status: 201, body: group },
      },
      { "qos.yaml": file },
    );
    expect(await run("apply -f qos.yaml")).toBe(0);
    const changes = seen.filter(({ request }) => !request.startsWith("GET"));
    expect(changes.map(({ request }) => request)).toEqual([
      `PATCH ${PROFILES}/bulk`,
      "POST /v1/tenants/default/groups",
    ]);
    expect(changes[0]?.body).toMatchObject({ egress: { rate: "200Mbit" }, ingress: null, guarantee: null, dscp: 34 });
    expect(screen.out).toContain("egress.rate: 100Mbit -> 200Mbit");
  });
});
