import { errorText, HoldfastError, type Logger, parseInterfaceAddress, VlanId } from "@holdfast/core";
import { Command, CommanderError } from "commander";
import { runDemo } from "./demo/demo.ts";
import { runRuntimesDemo } from "./demo/runtimes-demo.ts";
import { destroyLab, sweepLabs } from "./destroy.ts";
import type { LabHost } from "./host.ts";
import { type Cable, createLab, openLab, type RouterVlan, type Service } from "./lab.ts";
import { waitGone } from "./process.ts";
import { sendSignal } from "./process-ref.ts";
import { isAbandoned, type LabRecord, listRecords } from "./record.ts";
import { runInteractive } from "./run.ts";
import { type LabSpace, openSpace } from "./space.ts";

/** What the commands need from the program that they are part of. */
export interface LabCommandIo {
  readonly logger: Logger;
  /** How the whole program is started, e.g. `["/srv/holdfast/bin/holdfast"]`: `lab demo` runs it on the hosts. */
  readonly program: readonly string[];
  readonly signal: AbortSignal;
  /** Takes text for standard output. */
  write(text: string): void;
  /** Takes text for standard error. */
  writeError(text: string): void;
  /** Takes the exit code of a program that `lab exec` ran. */
  setExitCode(code: number): void;
}

const EXAMPLES = `
Examples:
  holdfast lab demo                                    the product's story, told in half a minute
  holdfast lab demo --runtimes                         from Docker to a Kubernetes pod and back
  holdfast lab create demo --vlan 100=10.20.0.1/16     two hosts, the router in VLAN 100
  holdfast lab exec demo host-1 docker ps              run a program in a host
  holdfast lab exec demo router ping 10.20.0.10        … or in the router, control or switch
  holdfast lab cut demo host-1 uplink                  pull a cable, plug it in with mend
  holdfast lab kill demo host-1 agent                  kill a process by its name
  holdfast lab start demo host-1 dockerd               start dockerd or ovs again
  holdfast lab destroy demo                            remove everything of it`;

/** `holdfast lab …`, to be added to a program's commands. */
export function createLabCommand(io: LabCommandIo): Command {
  const lab = new Command("lab")
    .description("simulated hosts on this machine, with a switch, a router and no way out")
    .addHelpText("after", EXAMPLES)
    .enablePositionalOptions();
  lab
    .command("create")
    .description("make a lab that stays until it is destroyed")
    .argument("<lab>", "its name")
    .option("--hosts <number>", "number of hosts", Number, 2)
    .option("--vlan <id=address/length…>", "a VLAN with the router's addresses in it; repeatable", collectVlan, [])
    .option("--no-docker", "hosts without dockerd")
    .action(async (name: string, options: { hosts: number; vlan: RouterVlan[]; docker: boolean }) => {
      const { hosts, vlan: vlans, docker } = options;
      const made = await createLab(io, { name, hosts, vlans, docker, detached: true, signal: io.signal });
      io.write(`lab ${made.name} is up: ${made.hosts.map((host) => host.name).join(", ")}, router, control, switch\n`);
    });
  lab
    .command("list")
    .description("the labs on this machine")
    .option("-o, --output <format>", "table or json", "table")
    .action(async ({ output }: { output: string }) => io.write(await listed(output)));
  lab
    .command("demo")
    .description("a container moves between two hosts and keeps its address, while a ping runs")
    .option("--runtimes", "from Docker to a pod of containerd and back; needs Debian's containernetworking-plugins")
    .action(async ({ runtimes = false }: { runtimes?: boolean }) => {
      const { program: command, signal, logger } = io;
      const run = runtimes ? runRuntimesDemo : runDemo;
      await run({ command, signal, logger, print: (line) => io.write(`${line}\n`) });
    });
  addAccessCommands(lab, io);
  addFailureCommands(lab, io);
  addRemovalCommands(lab, io);
  return lab;
}

function addAccessCommands(lab: Command, io: LabCommandIo): void {
  lab
    .command("exec")
    .description("run a program in a space of a lab")
    .argument("<lab>")
    .argument("<space>", "host-1, …, router, control or switch")
    .argument("<program...>", "the program and its arguments")
    .passThroughOptions()
    .action(async (name: string, space: string, program: string[]) => {
      io.setExitCode(await runInteractive([...(await openSpace(name, space)).prefix(), ...program], io.signal));
    });
  lab
    .command("vlan")
    .description("put the router into a VLAN")
    .argument("<lab>")
    .argument("<id=address/length…>", "e.g. 100=10.20.0.1/16,fd00:20::1/64")
    .action(async (name: string, text: string) => await (await openLab(io, name)).addVlan(parseVlan(text), io.signal));
}

function addFailureCommands(lab: Command, io: LabCommandIo): void {
  for (const verb of ["cut", "mend"] as const) {
    lab
      .command(verb)
      .description(verb === "cut" ? "pull a host's cables at the switch" : "plug a host's cables in again")
      .argument("<lab>")
      .argument("<host>")
      .argument("[cable]", "uplink, management or all", "all")
      .action(async (name: string, host: string, cable: string) => {
        const opened = await openLab(io, name);
        await opened[verb](hostNamed(opened.hosts, host), parseCables(cable), io.signal);
      });
  }
  lab
    .command("kill")
    .description("kill a process of a host: dockerd, ovs, or one that was started by name, e.g. agent")
    .argument("<lab>")
    .argument("<space>", "host-1, …, router or control")
    .argument("<process>")
    .option("--signal <name>", "signal to send; dockerd and ovs always get SIGKILL", "SIGKILL")
    .action(async (name: string, space: string, title: string, options: { signal: string }) => {
      if (title === "ovs" || title === "dockerd") {
        const opened = await openLab(io, name);
        return await opened.kill(hostNamed(opened.hosts, space), title, io.signal);
      }
      await killByName(await openSpace(name, space), title, { with: parseSignal(options.signal), signal: io.signal });
    });
  lab
    .command("start")
    .description("start dockerd or ovs of a host again")
    .argument("<lab>")
    .argument("<host>")
    .argument("<service>", "dockerd or ovs")
    .action(async (name: string, host: string, service: string) => {
      const opened = await openLab(io, name);
      await opened.start(hostNamed(opened.hosts, host), parseService(service), io.signal);
    });
}

/** Sends a signal; one that cannot be caught is waited out, so that what comes next finds the process gone. */
async function killByName(
  space: LabSpace,
  name: string,
  options: { readonly with: NodeJS.Signals; readonly signal: AbortSignal },
): Promise<void> {
  const found = await space.process(name);
  if (found === undefined || !sendSignal(found, options.with)) {
    throw new HoldfastError("not_found", `no process ${name} runs in ${space.name} of lab ${space.lab}`);
  }
  if (options.with === "SIGKILL") await waitGone(found, 10_000, options.signal);
}

function addRemovalCommands(lab: Command, io: LabCommandIo): void {
  lab
    .command("destroy")
    .description("remove everything of a lab, whoever made it")
    .argument("<lab>")
    .action(async (name: string) => await destroyLab(io, name, io.signal));
  lab
    .command("sweep")
    .description("remove what labs of dead processes have left")
    .action(async () => {
      const swept = await sweepLabs(io, io.signal);
      io.write(swept.length === 0 ? "nothing was left\n" : `removed ${swept.join(", ")}\n`);
    });
}

/**
 * Runs `holdfast lab` with these words, e.g. `["list", "-o", "json"]`; gives the exit code: 0 done, 1 failed, 2 wrong usage, or
 * that of the program which `exec` ran.
 */
export async function runLabCommand(argv: readonly string[], io: Omit<LabCommandIo, "setExitCode">): Promise<number> {
  let exitCode = 0;
  const command = createLabCommand({
    logger: io.logger,
    program: io.program,
    signal: io.signal,
    write: (text) => io.write(text),
    writeError: (text) => io.writeError(text),
    setExitCode: (code) => {
      exitCode = code;
    },
  });
  for (const each of [command, ...command.commands]) {
    each
      .exitOverride()
      .configureOutput({ writeOut: (text) => io.write(text), writeErr: (text) => io.writeError(text) });
  }
  try {
    await command.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    io.writeError(`holdfast lab: ${errorText(error)}\n`);
    return error instanceof HoldfastError && error.code === "invalid_argument" ? 2 : 1;
  }
}

async function listed(output: string): Promise<string> {
  const records = await listRecords();
  if (output === "json") return `${JSON.stringify(records, undefined, 2)}\n`;
  const row = (cells: readonly string[]): string =>
    `${cells
      .map((cell) => cell.padEnd(14))
      .join(" ")
      .trimEnd()}\n`;
  const rows = records.map((record) => row([record.name, String(record.hosts), ownerOf(record), record.createdAt]));
  return [row(["NAME", "HOSTS", "OWNER", "CREATED"]), ...rows].join("");
}

function ownerOf(record: LabRecord): string {
  if (record.detached) return "stays";
  return `pid ${record.owner.pid}${isAbandoned(record) ? " dead" : ""}`;
}

function hostNamed(hosts: readonly LabHost[], name: string): LabHost {
  const host = hosts.find((each) => each.name === name || String(each.number) === name);
  if (host === undefined) {
    throw new HoldfastError("not_found", `no host ${name}; there are ${hosts.map((each) => each.name).join(", ")}`);
  }
  return host;
}

function parseCables(text: string): readonly Cable[] {
  if (text === "all") return ["uplink", "management"];
  if (text === "uplink" || text === "management") return [text];
  throw new HoldfastError("invalid_argument", `no cable ${text}; there are uplink, management and all`);
}

function parseService(text: string): Service {
  if (text === "dockerd" || text === "ovs") return text;
  throw new HoldfastError("invalid_argument", `no service ${text}; there are dockerd and ovs`);
}

function parseSignal(text: string): NodeJS.Signals {
  if (/^SIG[A-Z0-9]+$/.test(text)) return text as NodeJS.Signals;
  throw new HoldfastError("invalid_argument", `not a signal: ${text}; write for example SIGTERM`);
}

function collectVlan(text: string, collected: readonly RouterVlan[]): readonly RouterVlan[] {
  return [...collected, parseVlan(text)];
}

/** Reads e.g. `"100=10.20.0.1/16,fd00:20::1/64"`. */
function parseVlan(text: string): RouterVlan {
  const [id = "", addresses] = text.split("=");
  if (addresses === undefined) {
    throw new HoldfastError(
      "invalid_argument",
      `not a VLAN with addresses: ${text}; write for example 100=10.20.0.1/16`,
    );
  }
  const gateways = addresses.split(",");
  for (const gateway of gateways) parseInterfaceAddress(gateway);
  return { vlan: VlanId.parse(Number(id)), gateways };
}
