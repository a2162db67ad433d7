import { Agent, request } from "node:http";
import { expect, test } from "vitest";
import { ControllerProcess } from "./controller-process.ts";

/** Connections of the tenant that floods: each sends its next request as soon as the one before was answered, whatever that says. */
const FLOODERS = 300;
const SAMPLES = 120;
const LIMITS = ["--requests-at-once", "4", "--requests-waiting", "64"];
/** Requests of 8 MiB that are sent at the same time. */
const LARGE_AT_ONCE = 120;

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly milliseconds: number;
}

/** What a tenant asks over connections of its own. */
function caller(base: string, tenant: string, sockets: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets });
  const post = (path: string, body: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const begun = performance.now();
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const sent = request(`${base}/v1/tenants${path}`, { method: "POST", agent, headers }, (response) => {
        response.resume();
        response.once("end", () => {
          const { statusCode: status = 0, headers: answered } = response;
          resolve({ status, retryAfter: answered["retry-after"], milliseconds: performance.now() - begun });
        });
      });
      sent.once("error", reject);
      sent.end(body);
    });
  return {
    async prepare(prefix: string) {
      await post("", JSON.stringify({ name: tenant }));
      await post(`/${tenant}/networks`, JSON.stringify({ name: "web", kind: "vxlan", subnets: [{ prefix }] }));
    },
    claim: (identity: string) => post(`/${tenant}/networks/web/claims`, JSON.stringify({ identity })),
    tryOut: (items: readonly object[]) =>
      post(`/${tenant}/networks/web/bulk/claims`, JSON.stringify({ dryRun: true, items })),
    close: () => agent.destroy(),
  };
}

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
const times = (some: readonly Answer[]): readonly number[] =>
  some.map(({ milliseconds }) => milliseconds).toSorted((a, b) => a - b);

test("a tenant that floods waits for itself, and another one is served in time", { timeout: 300_000 }, async () => {
  await using controller = await ControllerProcess.create();
  await controller.start(LIMITS);
  const quiet = caller(controller.base, "quiet", 1);
  const flood = caller(controller.base, "flood", FLOODERS);
  await quiet.prepare("10.0.0.0/12");
  await flood.prepare("10.32.0.0/12");
  const stop = new AbortController();
  const flooded: Answer[] = [];
  const flooding = Array.from({ length: FLOODERS }, async (_, client) => {
    while (!stop.signal.aborted) flooded.push(await flood.tryOut(namesOf(`f${client}`, 200)));
  });
  while (flooded.length < FLOODERS) await new Promise((resolve) => setImmediate(resolve));
  const answers: Answer[] = [];
  for (let count = 0; count < SAMPLES; count++) answers.push(await quiet.claim(`q-${count}`));
  stop.abort();
  await Promise.all(flooding);
  quiet.close();
  flood.close();
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
  expect(new Set(flooded.map(({ status }) => status))).toEqual(new Set([200, 429]));
  for (const { status, retryAfter } of flooded) if (status === 429) expect(retryAfter).toMatch(/^[1-9]\d*$/);
  // Both are measured in the same moments: what slows one slows the other.
  const [own, others] = [times(answers), times(flooded.filter(({ status }) => status === 200))];
  expect(percentile(own, 0.5)).toBeLessThan(percentile(others, 0.5) / 2);
  expect(percentile(own, 0.99)).toBeLessThan(percentile(others, 0.99));
});

test("a flood of requests of 8 MiB is worked on a few at a time, and costs the memory of those", {
  timeout: 300_000,
}, async () => {
  await using controller = await ControllerProcess.create();
  await controller.start();
  const flood = caller(controller.base, "flood", LARGE_AT_ONCE);
  await flood.prepare("10.32.0.0/12");
  const body = largeItems("l");
  const flooding = Promise.all(Array.from({ length: LARGE_AT_ONCE }, () => flood.tryOut(body)));
  const watched = { over: false };
  void flooding.finally(() => {
    watched.over = true;
  });
  let peak = 0;
  for (; !watched.over; await new Promise((resolve) => setTimeout(resolve, 5))) {
    peak = Math.max(peak, controller.residentMib);
  }
  flood.close();
  const statuses = new Set((await flooding).map(({ status }) => status));
  expect([...statuses].filter((status) => status !== 429)).toEqual([200]);
  // Some 900; what a hundred at once took was beyond 2,400.
  expect(peak).toBeLessThan(1600);
});

function namesOf(name: string, count: number): readonly object[] {
  return Array.from({ length: count }, (_, index) => ({ identity: `${name}-${index}` }));
}

function largeItems(name: string): readonly object[] {
  const labels = Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`l${index}`, "x".repeat(250)]));
  return namesOf(name, 1000).map((item) => ({ ...item, labels }));
}
