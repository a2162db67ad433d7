import { existsSync } from "node:fs";
import { silentLogger } from "@holdfast/core";
import { afterAll, describe, expect, test } from "vitest";
import { destroyLab, openLab, runLabCommand } from "../src/index.ts";

const name = `test-cli-${process.pid}`;
const soon = (): AbortSignal => AbortSignal.timeout(25_000);

async function labCommand(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: "", err: "" };
  const code = await runLabCommand(argv, {
    program: ["/bin/false"],
    logger: silentLogger,
    signal: soon(),
    write: (text) => {
      said.out += text;
    },
    writeError: (text) => {
      said.err += text;
    },
  });
  return { code, ...said };
}

afterAll(async () => {
  if (existsSync(`/run/holdfast-lab/${name}`)) await destroyLab({ logger: silentLogger }, name, soon());
});

describe("holdfast lab", () => {
  test("creates a lab that stays, lists it, works in it and destroys it", async () => {
    const created = await labCommand(
      "create",
      name,
      "--hosts",
      "1",
      "--no-docker",
      "--vlan",
      "100=10.20.0.1/16,fd00:20::1/64",
    );
    expect(created).toEqual({ code: 0, out: `lab ${name} is up: host-1, router, control, switch\n`, err: "" });
    expect((await labCommand("list")).out).toMatch(new RegExp(`NAME .*\\n(.*\\n)*${name} +1 +stays`));
    expect(JSON.parse((await labCommand("list", "-o", "json")).out)).toContainEqual(expect.objectContaining({ name }));
    expect(await labCommand("exec", name, "router", "test", "-e", "/sys/class/net/vlan100")).toMatchObject({
      code: 0,
    });
    expect(await labCommand("exec", name, "host-1", "sh", "-c", "exit 7")).toMatchObject({ code: 7 });
    expect(await labCommand("vlan", name, "200=10.21.0.1/16")).toMatchObject({ code: 0 });

    expect(await labCommand("cut", name, "host-1", "uplink")).toMatchObject({ code: 0 });
    expect(await labCommand("exec", name, "host-1", "grep", "-q", "0", "/sys/class/net/uplink0/carrier")).toMatchObject(
      { code: 0 },
    );
    expect(await labCommand("mend", name, "1")).toMatchObject({ code: 0 });
    expect(await labCommand("exec", name, "host-1", "grep", "-q", "1", "/sys/class/net/uplink0/carrier")).toMatchObject(
      { code: 0 },
    );

    expect(await labCommand("kill", name, "host-1", "ovs")).toMatchObject({ code: 0 });
    expect(await labCommand("start", name, "host-1", "ovs")).toMatchObject({ code: 0 });
    const host = (await openLab({ logger: silentLogger }, name)).host(1);
    await host.spawn(["sleep", "1000"], { name: "agent", signal: soon() });
    expect(await labCommand("kill", name, "host-1", "agent")).toMatchObject({ code: 0 });
    expect((await labCommand("kill", name, "host-1", "agent")).err).toContain(
      `no process agent runs in host-1 of lab ${name}`,
    );

    expect(await labCommand("destroy", name)).toMatchObject({ code: 0 });
    expect(await labCommand("destroy", name)).toMatchObject({
      code: 1,
      err: `holdfast lab: no lab ${name}; see: holdfast lab list\n`,
    });
  });

  test("explains itself, with examples", async () => {
    const { code, out } = await labCommand("--help");
    expect(code).toBe(0);
    for (const verb of ["create", "list", "exec", "cut", "mend", "kill", "start", "destroy", "sweep"])
      expect(out).toContain(verb);
    expect(out).toContain("holdfast lab exec demo host-1 docker ps");
  });

  test.each([
    { argv: ["nonsense"], err: /unknown command/ },
    { argv: ["create"], err: /missing required argument 'lab'/ },
    { argv: ["create", "../x"], err: /not a name/ },
    { argv: ["create", "x", "--hosts", "none"], err: /1 to 32 hosts, not NaN/ },
    { argv: ["create", "x", "--vlan", "4095=10.0.0.1/8"], err: /VLAN 4095 is not between 1 and 4094/ },
    { argv: ["create", "x", "--vlan", "100=10.0.0.1"], err: /not a prefix in CIDR form/ },
  ])("refuses $argv as wrong usage", async ({ argv, err }) => {
    expect(await labCommand(...argv)).toEqual({ code: 2, out: "", err: expect.stringMatching(err) });
  });
});
