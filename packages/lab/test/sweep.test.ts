import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { silentLogger } from "@holdfast/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLab, destroyLab, IMAGE, isAlive, type Lab, listRecords, openLab, sweepLabs } from "../src/index.ts";
import { run } from "../src/run.ts";
import { machineSnapshot, populationOf, survivorsOf } from "./snapshot.ts";

const dependencies = { logger: silentLogger };
const soon = (): AbortSignal => AbortSignal.timeout(25_000);
const nameOf = (what: string): string => `test-${what}-${process.pid}`;

let before: readonly string[];

beforeAll(async () => {
  await sweepLabs(dependencies, soon());
  before = await machineSnapshot();
});

/** The kernel takes namespaces and their links down a moment after their last process; other users of the machine come and go. */
async function expectNothingLeft(): Promise<void> {
  const left = async (): Promise<readonly string[]> =>
    (await machineSnapshot()).filter((line) => !before.includes(line));
  await expect.poll(left, { timeout: 10_000, interval: 100 }).toEqual([]);
}

async function startOwner(name: string, kind: "owned" | "detached"): Promise<{ owner: ChildProcess; id: string }> {
  const argv = [join(import.meta.dirname, "lab-owner.ts"), name, kind];
  const owner = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
  const [id] = (await once(createInterface({ input: owner.stdout }), "line", { signal: soon() })) as [string];
  return { owner, id };
}

async function killOwner(owner: ChildProcess): Promise<void> {
  owner.kill("SIGKILL");
  await once(owner, "exit");
}

describe("destroying a lab", () => {
  test("leaves no process, mount, namespace, link, folder or cgroup", async () => {
    const lab = await createLab(dependencies, { name: nameOf("gone"), hosts: 2, signal: soon() });
    for (const host of lab.hosts) {
      await host.docker(["run", "-d", IMAGE, "sleep", "1000"], { signal: soon() });
      await host.spawn(["sh", "-c", "setsid sleep 1000 & sleep 1000"], { name: "agent", signal: soon() });
    }
    const population = await populationOf(lab.record.id);
    expect(population.processes.length).toBeGreaterThan(15);
    expect(await survivorsOf(population)).not.toEqual([]);
    expect(await machineSnapshot()).not.toEqual(before);
    await lab.destroy();
    expect(await survivorsOf(population)).toEqual([]);
    await expectNothingLeft();
    await lab.destroy();
  });

  test("ends a process that entered a space by another way", async () => {
    const lab = await createLab(dependencies, { name: nameOf("guest"), hosts: 1, docker: false, signal: soon() });
    const target = `--target=${lab.host(1).holder.pid}`;
    const guest = spawn("nsenter", [target, "--net", "--mount", "sh", "-c", "echo in; exec sleep 1000"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(guest.stdout, "data");
    const ended = once(guest, "exit");
    await lab.destroy();
    expect((await ended)[1]).toBe("SIGKILL");
    await expectNothingLeft();
  });
});

describe("a lab that cannot be made", () => {
  test("leaves nothing when dockerd does not start", async () => {
    const made = createLab(dependencies, { name: nameOf("bad"), dockerArguments: ["--no-such-flag"], signal: soon() });
    await expect(made).rejects.toThrow(/dockerd ended before it was ready: .*no-such-flag/s);
    await expectNothingLeft();
  });

  test("leaves nothing when it is aborted at any time", async () => {
    for (const milliseconds of [5, 50, 150, 400]) {
      const signal = AbortSignal.timeout(milliseconds);
      const made = createLab(dependencies, { name: nameOf("abort"), signal });
      await expect(made).rejects.toThrow(/abort|timeout/i);
    }
    await expectNothingLeft();
  });
});

describe("a lab that is destroyed while it is made", () => {
  test.each([20, 100, 250])("is not made and leaves nothing, after %i ms", async (milliseconds) => {
    const name = nameOf("raced");
    const made = createLab(dependencies, { name, signal: soon() }).then(
      async (lab) => await lab.destroy(),
      () => "refused",
    );
    await expect.poll(async () => (await listRecords()).map((record) => record.name), { interval: 1 }).toContain(name);
    await pause(milliseconds);
    await destroyLab(dependencies, name, soon());
    expect(await made).toBe("refused");
    await expectNothingLeft();
  });
});

describe("the sweeper", () => {
  let living: Lab;
  beforeAll(async () => {
    living = await createLab(dependencies, { name: nameOf("living"), hosts: 1, docker: false, signal: soon() });
  });
  afterAll(async () => {
    await living?.destroy();
  });

  test("removes everything of a lab whose owner was killed, and leaves the labs of living owners", async () => {
    const { owner, id } = await startOwner(nameOf("killed"), "owned");
    const population = await populationOf(id);
    expect(population.processes.length).toBeGreaterThan(10);
    expect(await sweepLabs(dependencies, soon())).toEqual([]);
    await killOwner(owner);
    expect((await survivorsOf(population)).length).toBeGreaterThan(10);
    expect(await sweepLabs(dependencies, soon())).toEqual([nameOf("killed")]);
    expect(await survivorsOf(population)).toEqual([]);
    expect((await listRecords()).map(({ name }) => name)).not.toContain(nameOf("killed"));
    expect(isAlive(living.host(1).holder)).toBe(true);
    expect(await sweepLabs(dependencies, soon())).toEqual([]);
  });

  test("leaves a detached lab, which is destroyed by name", async () => {
    const { owner, id } = await startOwner(nameOf("stays"), "detached");
    await killOwner(owner);
    expect(await sweepLabs(dependencies, soon())).toEqual([]);
    const lab = await openLab(dependencies, nameOf("stays"));
    expect((await lab.host(1).exec(["hostname"], { signal: soon() })).stdout).toBe("host-1\n");
    const population = await populationOf(id);
    await destroyLab(dependencies, nameOf("stays"), soon());
    expect(await survivorsOf(population)).toEqual([]);
  });

  test("finishes when two sweep at once", async () => {
    const { owner, id } = await startOwner(nameOf("twice"), "owned");
    const population = await populationOf(id);
    await killOwner(owner);
    await Promise.all([sweepLabs(dependencies, soon()), sweepLabs(dependencies, soon())]);
    expect(await survivorsOf(population)).toEqual([]);
  });

  test("finds a lab whose record is gone by its cgroup", async () => {
    const { owner, id } = await startOwner(nameOf("lost"), "owned");
    const population = await populationOf(id);
    await killOwner(owner);
    await run(["rm", "-r", `/run/holdfast-lab/${nameOf("lost")}`], { signal: soon() });
    expect(await sweepLabs(dependencies, soon())).toEqual([id]);
    expect(await survivorsOf(population)).toEqual([]);
  });

  test("leaves nothing of all these labs in the end", async () => {
    expect(await machineSnapshot()).not.toEqual(before);
    await living.destroy();
    await expectNothingLeft();
  });
});
