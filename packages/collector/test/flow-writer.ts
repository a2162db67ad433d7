import { silentLogger, systemClock } from "@holdfast/core";
import { openDuckStore } from "../src/duckdb/duck-store.ts";
import { DEFAULT_TIERS } from "../src/store/store.ts";
import { container, outside, TEN_O_CLOCK, traffic, windowOf } from "../src/testing/made-traffic.ts";

/** Takes windows as fast as it can until it is killed, and says the number of each that was taken: `node flow-writer.ts FILE FIRST`. */
const [path = "", first = "0"] = process.argv.slice(2);
const store = await openDuckStore(
  { clock: systemClock, logger: silentLogger },
  { path, memoryMib: 128, tiers: DEFAULT_TIERS },
);
const web = container("shop/web/web-0", "10.20.0.7");
for (let number = Number(first); ; number++) {
  const row = traffic(web, outside(`192.0.2.${number % 200}`), { bytes: 1 });
  await store.take(windowOf(TEN_O_CLOCK + number * 10_000, [row]));
  process.stdout.write(`${number}\n`);
}
