/** Prints how long the controller takes to start over a filled store, and its memory. Arguments: claims, endpoints, and a file to use again. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measureStart } from "./controller-start.ts";
import { fillStore } from "./filled-store.ts";

const [claims = "1000000", endpoints = "0", kept] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "holdfast-start-"));
try {
  const path = kept ?? join(folder, "controller.db");
  if (!existsSync(path)) await fillStore(path, { claims: Number(claims), endpoints: Number(endpoints) });
  const { seconds, rssMib, peakMib, cpuSeconds } = await measureStart(path);
  process.stdout.write(
    `${claims} claims, ${endpoints} endpoints: ready in ${seconds.toFixed(2)} s (${cpuSeconds.toFixed(2)} s of processor), ` +
      `${rssMib.toFixed(0)} MiB resident, at most ${peakMib.toFixed(0)} MiB\n`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
