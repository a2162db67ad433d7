import { measureDecode } from "./flow/decode.ts";
import { measureReceiver } from "./flow/load.ts";
import { measureQuestions } from "./flow/questions.ts";
import { ownReceiver, sfacctd, sfcapd } from "./flow/receivers.ts";
import { scratchFolder } from "./flow/scratch.ts";
import { measureSoak } from "./flow/soak.ts";
import { makeTraffic } from "./flow/traffic.ts";
import { percentile, rounded } from "./statistics.ts";

const DATAGRAMS = 2000;
/** Each receiver has a port of its own, so that the kernel's drops are of one only. */
const FIRST_PORT = 16_343;

const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const decode = measureDecode(makeTraffic(DATAGRAMS, true));
using scratch = scratchFolder();
const own = await measureReceiver(ownReceiver(FIRST_PORT), FIRST_PORT);
const nfdump = await measureReceiver(sfcapd(FIRST_PORT + 1, scratch.path), FIRST_PORT + 1);
const pmacct = await measureReceiver(sfacctd(FIRST_PORT + 2, scratch.path), FIRST_PORT + 2);
const soak = await measureSoak();
const redis = await measureSoak("redis");
const questions = await measureQuestions();

const figures = {
  bench: "flow",
  decode_samples_per_s: Math.round(percentile(decode.samplesPerSecond, 0.5)),
  pipeline_samples_per_s: Math.round(own.samplesPerSecond),
  loss_percent: rounded(own.lossPercent, 2),
  sfcapd_samples_per_s: Math.round(nfdump.samplesPerSecond),
  sfacctd_samples_per_s: Math.round(pmacct.samplesPerSecond),
  soak_loss_percent: rounded(soak.lossPercent, 3),
  soak_rss_mib: Math.round(soak.rssMib),
  top10_ms_p95: rounded(percentile(questions.top, 0.95)),
  fresh_s_p95: rounded(percentile(questions.fresh, 0.95), 2),
  redis_loss_percent: rounded(redis.lossPercent, 3),
  redis_rate_per_s: Math.round(redis.ratePerSecond),
};
const row = (what: string, figure: number | string, mark = ""): boolean =>
  say(`${what.padEnd(76)} ${String(figure).padStart(12)}   ${mark}`.trimEnd());
row("", "measured", "mark");
row("decode alone, samples per second of one core, p50 of 7", figures.decode_samples_per_s, "≥ 5000000");
row("  the slowest turn", Math.round(percentile(decode.samplesPerSecond, 0)));
row("  datagrams per second", Math.round(percentile(decode.datagramsPerSecond, 0.5)));
row(
  "receive, decode, attribute, add up, samples per second of processor time",
  figures.pipeline_samples_per_s,
  "≥ 1000000",
);
row("  dropped by the kernel, %", figures.loss_percent, "< 0.1");
row("peer: sfcapd", figures.sfcapd_samples_per_s);
row("  dropped by the kernel, %", rounded(nfdump.lossPercent, 2));
row("peer: sfacctd", figures.sfacctd_samples_per_s);
row("  dropped by the kernel, %", rounded(pmacct.lossPercent, 2));
row("a minute of 100,000 datagrams/s into the store: lost on the way, %", figures.soak_loss_percent, "< 0.1");
row("  resident memory at most, MiB", figures.soak_rss_mib, "≤ 1024");
row("  more in the last third than in the one before, MiB", Math.round(soak.growthMib));
row("  datagrams read before names had settled", soak.early);
row("the same by way of Redis, which writes it down: lost on the way, %", figures.redis_loss_percent, "< 0.1");
row("  by the kernel; between receiver and worker, datagrams", `${redis.lost.kernel}; ${redis.lost.stream}`);
row("  datagrams/s, until it was a second behind at most", figures.redis_rate_per_s);
row("  behind what comes at most, s", rounded(redis.behindSeconds, 1));
row("  resident memory of the collector at most, MiB", Math.round(redis.rssMib));
row("ten with the most of an hour, 10,000 endpoints, while ingesting, ms, p95", figures.top10_ms_p95, "≤ 100");
row("  p50", rounded(percentile(questions.top, 0.5)));
row("  windows' rows of that hour", questions.rows);
row("from a packet to the first answer that has it, s, p95", figures.fresh_s_p95, "≤ 5");
row("  p50", rounded(percentile(questions.fresh, 0.5), 2));
say(JSON.stringify(figures));
