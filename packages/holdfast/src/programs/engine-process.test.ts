import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { readPidFile } from "../processes/pid-file.ts";
import { endEngine, ensureEngine } from "./engine-process.ts";
import { machinePlaces, type Places, pidFileOf } from "./places.ts";

let folder: string;
let places: Places;

/** A dockerd that listens at once, and serves or gives up when the body says so. */
function installDockerd(body: string): void {
  const program = `#!${process.execPath}
const { createServer } = require("node:http");
const socket = process.argv[3].replace("unix://", "");
process.on("SIGTERM", () => process.exit(0));
${body}
`;
  writeFileSync(join(folder, "dockerd"), program, { mode: 0o755 });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hf-engine-"));
  places = {
    ...machinePlaces,
    run: join(folder, "run"),
    log: join(folder, "log"),
    engineSocket: join(folder, "e/sock"),
    cniConfigs: join(folder, "net.d"),
  };
  vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
});
afterEach(async () => {
  await endEngine(places);
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe("a Docker engine of our own", () => {
  test("runs once it serves, and is ended", async () => {
    const serve = `createServer((_, answer) => setTimeout(() => answer.end("OK"), 100)).listen(socket)`;
    installDockerd(`${serve}; require("node:fs").writeFileSync("${folder}/pid", String(process.pid));`);
    expect(await ensureEngine(places, 20_000)).toBe("started");
    expect(await ensureEngine(places, 20_000)).toBe("runs already");
    expect(readPidFile(pidFileOf(places, "dockerd"))?.pid).toBe(Number(readFileSync(join(folder, "pid"), "utf8")));
    expect(await endEngine(places)).toBe(true);
    expect(await endEngine(places)).toBe(false);
  });

  test("that listens but never serves has not started", async () => {
    installDockerd(`createServer(() => { console.error("failed to start daemon"); process.exit(1); }).listen(socket);`);
    await expect(ensureEngine(places, 20_000)).rejects.toThrow(
      /^dockerd does not start; .* says:\nfailed to start daemon$/,
    );
    expect(readPidFile(pidFileOf(places, "dockerd"))).toBeUndefined();
  });

  test("that hangs is ended, for the next one to start", async () => {
    installDockerd("createServer(() => {}).listen(socket);");
    await expect(ensureEngine(places, 500)).rejects.toMatchObject({ code: "timeout" });
    expect(readPidFile(pidFileOf(places, "dockerd"))).toBeUndefined();
    installDockerd(`createServer((_, answer) => answer.end("OK")).listen(socket);`);
    expect(await ensureEngine(places, 20_000)).toBe("started");
  });
});
