import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Folder with the jars; undefined: nobody asked for these tests. */
export const JARS = process.env.HOLDFAST_OPENSEARCH;

/** A real OpenSearch of one node, on 127.0.0.1 alone. */
export interface OpenSearch extends AsyncDisposable {
  readonly address: URL;
  /** As a machine that fails. */
  kill(): Promise<void>;
  /** On the same port, with what is on its disk. */
  startAgain(): Promise<void>;
}

const MAIN = "org.codelibs.opensearch.runner.OpenSearchRunner";
/** Of one shard of everything, and never with other nodes. */
const CONFIGURATION = `
network.host: 127.0.0.1
discovery.type: single-node
cluster.routing.allocation.disk.threshold_enabled: false
`;
const LOG_CONFIGURATION = `
rootLogger.level = warn
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %p %c %m%n
rootLogger.appenderRef.console.ref = console
`;
/**
 * The main program takes the next one that is free, and does not know of another that is starting: files that run at the same time have ports of their own.
 * It takes none above 9299.
 */
const FIRST_PORT = 9200 + 10 * (Number(process.env.VITEST_POOL_ID ?? 0) % 10);

/** @throws Error with what OpenSearch said when it does not start */
export async function startOpenSearch(): Promise<OpenSearch> {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-opensearch-"));
  const configuration = join(folder, "node_1", "config");
  mkdirSync(configuration, { recursive: true });
  writeFileSync(join(configuration, "opensearch.yml"), CONFIGURATION);
  writeFileSync(join(configuration, "log4j2.properties"), LOG_CONFIGURATION);
  let { process: java, port } = await start(folder, FIRST_PORT);

  async function kill(): Promise<void> {
    if (java.exitCode !== null || java.signalCode !== null) return;
    const ended = once(java, "exit");
    java.kill("SIGKILL");
    await ended;
  }

  return {
    address: new URL(`http://127.0.0.1:${port}`),
    kill,
    async startAgain() {
      await kill();
      ({ process: java, port } = await start(folder, port));
    },
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function start(
  folder: string,
  firstPort: number,
): Promise<{ readonly process: ChildProcess; readonly port: number }> {
  const java = ["java", "-Xmx768m", "-cp", `${JARS}/*`, MAIN];
  const options = ["-basePath", folder, "-numOfNode", "1", "-baseHttpPort", String(firstPort - 1)];
  const modules = ["-moduleTypes", "org.opensearch.transport.Netty4Plugin"];
  // Gone with the process of the tests, however that ends.
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...java, ...options, ...modules], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (said += text.toString()));
  const ended = once(child, "exit").then(() => {
    throw new Error(`OpenSearch has ended:\n${said}`);
  });
  ended.catch(() => undefined);
  for (;;) {
    const port = Number(/HTTP Port:\s+(\d+)/.exec(said)?.[1] ?? 0);
    if (port > 0 && (await answers(port, child.pid))) return { process: child, port };
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 100))]);
  }
}

/** Whether the process itself does, and not another one that has its port. */
async function answers(port: number, pid: number | undefined): Promise<boolean> {
  try {
    const ask = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);
    const { nodes } = (await (await ask("/_nodes/_local/process")).json()) as LocalNode;
    if (!Object.values(nodes).some(({ process }) => process.id === pid)) return false;
    return (await ask("/_cluster/health?wait_for_status=yellow&timeout=5s")).ok;
  } catch {
    return false;
  }
}

interface LocalNode {
  readonly nodes: Readonly<Record<string, { readonly process: { readonly id: number } }>>;
}
