import { measureDecode } from "./flow/decode.ts";
import { makeTraffic } from "./flow/traffic.ts";
import { percentile } from "./statistics.ts";

const DATAGRAMS = 2000;

const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const decode = measureDecode(makeTraffic(DATAGRAMS));

const figures = {
  bench: "flow",
  decode_samples_per_s: Math.round(percentile(decode.samplesPerSecond, 0.5)),
};
const row = (what: string, figure: number | string, mark = ""): boolean =>
  say(`${what.padEnd(64)} ${String(figure).padStart(12)}   ${mark}`.trimEnd());
row("", "measured", "mark");
row("decode alone, samples per second of one core, p50 of 7", figures.decode_samples_per_s, "≥ 5000000");
row("  the slowest turn", Math.round(percentile(decode.samplesPerSecond, 0)));
row("  datagrams per second", Math.round(percentile(decode.datagramsPerSecond, 0.5)));
say(JSON.stringify(figures));
