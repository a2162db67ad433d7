import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type CliIo, runCli } from "@holdfast/cli";
import { CniError, CniErrorCode, createCniServer } from "@holdfast/cni-plugin";
import { silentLogger } from "@holdfast/core";
import { RecordingLogger } from "@holdfast/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { refreshInstallations } from "../src/cni/refresh.ts";
import { removeInstallations } from "../src/cni/removal.ts";
import { addPrograms } from "../src/programs/commands.ts";

describe("holdfast cni", () => {
  let root: string;
  let configs: string;
  let places: string;
  let socket: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "holdfast-cni-"));
    configs = join(root, "net.d");
    places = `--plugin-directory ${root}/bin --conflist ${configs}/10-holdfast.conflist`;
    socket = join(root, "cni.sock");
  });
  afterEach(() => rm(root, { recursive: true }));

  async function type(line: string): Promise<{ code: number; out: string; err: string }> {
    const screen = { out: "", err: "" };
    const interrupted = new AbortController();
    const io: CliIo = {
      out: (text) => {
        screen.out += text;
      },
      err: (text) => {
        screen.err += text;
      },
      environment: {},
      readFile: () => Promise.resolve(""),
      readBytes: () => Readable.from([]),
      fetch: () => Promise.reject(new Error("nobody is asked")),
      now: () => new Date(),
      wait: () => Promise.resolve(),
      signal: interrupted.signal,
    };
    const code = await runCli(line.split(" "), io, (program) => addPrograms(program, { io, interrupted }));
    return { code, out: screen.out.replaceAll(root, "ROOT"), err: screen.err.replaceAll(root, "ROOT") };
  }
  const status = () => type(`cni status ${places} --socket ${socket} -o json`);
  const states = async () => {
    const { items } = JSON.parse((await status()).out) as { items: { check: string; state: string }[] };
    return items.map(({ check, state }) => `${check} ${state}`);
  };
  const squeezed = (line: string): string => line.replaceAll(/ +/g, " ");
  async function serve(handler: () => Promise<string>): Promise<AsyncDisposable> {
    const server = createCniServer({ handler, logger: silentLogger }, { socketPath: socket, deadline: 5000 });
    await server.start();
    return { [Symbol.asyncDispose]: () => server.stop() };
  }

  test("shows what would be done, does it, has nothing to do, and takes it away again", async () => {
    const trial = await type(`cni install --network web ${places} --dry-run`);
    expect(trial.out.split("\n").map(squeezed)).toEqual([
      "WOULD FILE WHY",
      "write ROOT/bin/holdfast missing",
      "write ROOT/net.d/10-holdfast.conflist missing",
      "",
    ]);
    expect(await readdir(root)).toEqual([]);
    const done = await type(`cni install --network web ${places}`);
    expect(squeezed(done.out)).toContain("DONE FILE WHY\nwritten ROOT/bin/holdfast missing\n");
    expect(await type(`cni install --network web ${places}`)).toEqual({ code: 0, out: "nothing to do\n", err: "" });
    const removed = await type(`cni uninstall -o yaml ${places}`);
    expect(removed.out.match(/path: (.*)/g)).toEqual([
      "path: ROOT/net.d/10-holdfast.conflist",
      "path: ROOT/bin/holdfast",
    ]);
    expect((await type(`cni uninstall ${places}`)).out).toBe("nothing to do\n");
    expect(await readdir(`${root}/bin`)).toEqual([]);
  });

  test("says which flag is wrong, and what another one's file needs", async () => {
    expect(await type(`cni install ${places}`)).toMatchObject({ code: 2, err: expect.stringContaining("--network") });
    const wrong = await type(`cni install --network Web! ${places}`);
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining("--network: ") });
    expect((await type(`cni install --network web --name a/b ${places}`)).err).toContain('--name "a/b" is not');
    await mkdir(configs);
    await writeFile(`${configs}/10-holdfast.conflist`, "{}");
    const refused = await type(`cni install --network web ${places}`);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("choose another file with --conflist") });
  });

  test("warns of configurations that come first, which is where runtimes stop looking", async () => {
    await mkdir(configs);
    await writeFile(`${configs}/05-bridge.conf`, '{"name":"docker","type":"bridge"}');
    const { code, err } = await type(`cni install --network web ${places}`);
    expect(code).toBe(0);
    expect(err).toContain("ROOT/net.d/05-bridge.conf comes before ROOT/net.d/10-holdfast.conflist");
    expect(await states()).toContain("order wrong");
  });

  test("tells how it stands, from nothing to an agent that is ready", async () => {
    expect(await states()).toEqual(["plugin missing", "conflist missing", "socket missing", "status unknown"]);
    expect((await status()).code).toBe(1);
    await type(`cni install --network web ${places}`);
    expect(await states()).toEqual(["plugin ok", "conflist ok", "order ok", "socket missing", "status wrong"]);
    let answer = (): Promise<string> => Promise.resolve("");
    await using _ = await serve(() => answer());
    const { code, out } = await type(`cni status ${places} --socket ${socket}`);
    expect(out).toBe(`WHAT      STATE  DETAIL
plugin    ok     ROOT/bin/holdfast
conflist  ok     ROOT/net.d/10-holdfast.conflist: holdfast is network default/web
order     ok     the first of its folder
socket    ok     ROOT/cni.sock: an agent listens
status    ok     the plugin is ready for containers
`);
    expect(code).toBe(0);
    answer = () => Promise.reject(new CniError(CniErrorCode.notAvailable, "no controller is reached"));
    expect((await status()).out).toContain("no controller is reached (code 50)");
    await writeFile(`${root}/bin/holdfast`, "#!/bin/sh\n", { mode: 0o755 });
    expect(await states()).toContain("plugin wrong");
  });

  test("brings what is installed up to date when an agent starts, and says what it cannot", async () => {
    await type(`cni install --network web ${places}`);
    const conflist = `${configs}/10-holdfast.conflist`;
    const wanted = await readFile(conflist, "utf8");
    await writeFile(conflist, JSON.stringify(JSON.parse(wanted)));
    const logger = new RecordingLogger();
    await refreshInstallations(configs, { logger, now: Date.now() });
    expect(await readFile(conflist, "utf8")).toBe(wanted);
    expect(JSON.stringify(logger.events)).toContain("brought the CNI installation up to date");
    await refreshInstallations(configs, { logger, now: Date.now(), program: `${root}/none` });
    expect(JSON.stringify(logger.events)).toContain("build it with: make setup");
  });

  test("goes with the platform, all but what was changed by hand", async () => {
    expect(await removeInstallations(configs, Date.now())).toBe("not installed");
    await type(`cni install --network web ${places}`);
    const other = `--plugin-directory ${root}/bin --conflist ${configs}/20-db.conflist`;
    await type(`cni install --network db --name db ${other}`);
    const text = await readFile(`${configs}/20-db.conflist`, "utf8");
    await writeFile(`${configs}/20-db.conflist`, text.replace('"mac": true', '"mac": false'));
    expect((await removeInstallations(configs, Date.now())).replaceAll(root, "ROOT")).toBe(
      "removed ROOT/net.d/10-holdfast.conflist; ROOT/net.d/20-db.conflist was changed by hand and stays",
    );
    expect(await readdir(`${root}/bin`)).toEqual(["holdfast"]);
    expect((await type(`cni uninstall --force ${other}`)).code).toBe(0);
    expect(await readdir(configs)).toEqual([]);
  });
});
