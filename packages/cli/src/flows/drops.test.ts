import { flowDropsSchema } from "@holdfast/model";
import { expect, test } from "vitest";
import { terminal } from "../testing/terminal.ts";

const PATH = "GET /v1/flows/drops";
const about = {
  from: "2026-11-20T09:50:10.000Z",
  to: "2026-11-20T10:05:10.000Z",
  seconds: 900,
  by: ["tenant", "policy", "direction", "rule"],
};
const some = flowDropsSchema.parse({
  ...about,
  groups: [
    { key: { tenant: "shop", policy: "db", direction: "ingress", rule: "blocked" }, packets: 1800, bytes: 108_000 },
    { key: { tenant: "shop", policy: "db", direction: "ingress", rule: null }, packets: 9, bytes: 540 },
  ],
  other: { groups: 3, packets: 5, bytes: 300 },
  total: { packets: 1814, bytes: 108_840 },
});
const none = flowDropsSchema.parse({
  ...{ ...about, groups: [], other: { groups: 0, packets: 0, bytes: 0 } },
  total: { packets: 0, bytes: 0 },
});

test("flows drops shows what rules have dropped, with rates, the others and the total", async () => {
  const { run, screen, seen } = terminal({ [PATH]: { body: some } });
  expect(await run("flows drops db --last 15m --by rule --node h1 -t shop"), screen.err).toBe(0);
  expect(Object.fromEntries(new URLSearchParams(seen[0]?.query))).toEqual({
    ...{ tenant: "shop", policy: "db", node: "h1", last: "15m", by: "rule" },
  });
  expect(screen.out).toMatchInlineSnapshot(`
    "TENANT      POLICY  DIRECTION  RULE     PACKETS  RATE     BYTES
    shop        db      ingress    blocked  1.80 k   2 /s     108 kB
    shop        db      ingress    -        9        0.01 /s  540 B
    (3 others)                              5        0.01 /s  300 B
    (total)                                 1.81 k   2.02 /s  109 kB
    2026-11-20 09:50:10 to 10:05:10 UTC; counted, not estimated
    "
  `);
});

test("flows drops says that there is nothing", async () => {
  const { run, screen } = terminal({ [PATH]: { body: none } });
  await run("flows drops");
  expect(screen.out).toBe("nothing was dropped 2026-11-20 09:50:10 to 10:05:10 UTC\n");
});
