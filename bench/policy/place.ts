import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { type IpAddress, silentLogger } from "@holdfast/core";
import { type DatapathDriver, type EndpointWiring, openKernelDriver } from "@holdfast/datapath";
import { createKernel, deleteNamespace, type Kernel } from "@holdfast/netlink";
import { createTestNamespace } from "@holdfast/netlink/testing";

const run = promisify(execFile);

/** A network namespace that stands for a machine or a container. */
export interface Place extends AsyncDisposable {
  readonly path: string;
  readonly kernel: Kernel;
  exec(...command: string[]): Promise<string>;
  /** Runs a program until the stack goes; resolves when it listens at a TCP port. */
  serve(port: number, ...command: string[]): Promise<void>;
}

export async function createPlace(): Promise<Place> {
  await using undo = new AsyncDisposableStack();
  const { path } = await createTestNamespace();
  undo.defer(() => deleteNamespace(path));
  const here = await createKernel();
  const kernel = await here.enter(path);
  await here.close();
  undo.defer(() => kernel.close());
  await kernel.setLink("lo", { up: true });
  const opened = undo.move();
  const inside = [`--net=${path}`, "--"];
  return {
    path,
    kernel,
    exec: async (...command) => (await run("nsenter", [...inside, ...command], { maxBuffer: 2 ** 26 })).stdout,
    async serve(port, ...command) {
      const child = spawn("nsenter", [...inside, "setpriv", "--pdeathsig", "KILL", ...command], { stdio: "ignore" });
      opened.defer(() => ended(child));
      const listening = `:${port.toString(16).toUpperCase().padStart(4, "0")} .* 0A `;
      const script = `until grep -q '${listening}' /proc/net/tcp /proc/net/tcp6; do sleep 0.01; done`;
      await run("nsenter", [...inside, "sh", "-c", script], { timeout: 5000 });
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

export function openDriver({ path }: Place): Promise<DatapathDriver> {
  return openKernelDriver({ logger: silentLogger, namespace: path, signal: AbortSignal.timeout(20_000) });
}

/** What a runtime does with an endpoint's interface. */
export async function plug(machine: Place, driver: DatapathDriver, endpoint: EndpointWiring): Promise<Place> {
  const { containerInterface: link } = await driver.attach(endpoint, AbortSignal.timeout(20_000));
  const container = await enclose(machine, link, endpoint.addresses, 32);
  await container.exec("ip", "route", "add", "169.254.1.1/32", "dev", link);
  await container.exec("ip", "route", "add", "default", "via", "169.254.1.1", "dev", link);
  return container;
}

/** Gives the machine's interface to a new container, with these addresses, and takes it up. */
export async function enclose(
  machine: Place,
  link: string,
  addresses: readonly IpAddress[],
  length: number,
): Promise<Place> {
  const container = await createPlace();
  await machine.kernel.setLink(link, { namespace: container.path });
  for (const address of addresses) await container.kernel.replaceAddress({ link, address, length });
  await container.kernel.setLink(link, { up: true });
  return container;
}
