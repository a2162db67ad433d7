import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { network, wiring } from "../src/testing/parties.ts";
import { Host } from "./fabric.ts";

const BATCH = 50;

/** Attachments one after the other, as a runtime makes them: each followed by the work for its sandbox. */
test("an attachment takes a few milliseconds, however many there are already", async () => {
  const signal = AbortSignal.timeout(60_000);
  await using host = await Host.start();
  await host.kernel.createVeth({ name: "eth1", peer: "eth1x", mtu: 1500 });
  const driver = await host.open({ uplink: "eth1", spares: 16 });
  driver.setNetwork(network("n7", "vlan", 100, { prefixes: ["10.20.0.0/16"] }));
  await driver.synced(signal);
  const medians: number[] = [];
  for (const round of [0, 1]) {
    const times: number[] = [];
    for (let index = 0; index < BATCH; index++) {
      const endpoint = wiring(`e${round}-${index}`, "n7", [`10.20.${round}.${index + 10}`]);
      await wait(40);
      const start = performance.now();
      await driver.attach(endpoint, signal);
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    medians.push(times[BATCH / 2] ?? Number.NaN);
    process.stdout.write(
      `attach with ${round * BATCH} endpoints: p50 ${times[BATCH / 2]?.toFixed(1)} ms, p90 ${times[BATCH * 0.9]?.toFixed(1)} ms\n`,
    );
  }
  expect(driver.status().filter((row) => row.state === "error")).toEqual([]);
  await driver.close();
  // The goal is 10 ms on a machine of its own; this one is shared.
  for (const median of medians) expect(median).toBeLessThan(40);
}, 60_000);
