import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { readExpected, say, sayCases, sayReports } from "../console.ts";
import { type Json, Plugin } from "./plugin.ts";
import { CASES, runSuite } from "./suite.ts";

const HELP = `Looks from outside whether a CNI plugin does what the specification (0.3.1 to 1.1.0) says. As root, with ip and nft.

  node test/conformance/cni/main.ts --plugin FILE --conf FILE [flags]
  make conformance-cni PLUGIN=FILE CONF=FILE [FLAGS="…"]

  --plugin FILE       the plugin's program, e.g. /usr/lib/cni/bridge
  --conf FILE         its configuration as JSON, one plugin without a list; the suite sets cniVersion
  --address ADDRESS   an address of the network that nobody has: the suite asks for it
  --expected FILE     JSON with failures that are known, {"CASE": "why"}: they are printed and do not count; one that passes does
  --here              run in the namespaces of the caller; otherwise in a network and a /run of its own, which go with the suite
  --only TEXT         only cases whose id contains this
  --list              print ids and titles of all cases
  --failures          print only what has not just passed

The plugin is called as a runtime does it. Containers are network namespaces that the suite makes and removes.
Exit code: 0 when every case ended as it is known to end, 1 when not, 2 for wrong flags.

Examples
  make conformance-cni PLUGIN=/usr/lib/cni/bridge CONF=test/conformance/cni/subjects/bridge.json
  node test/conformance/cni/main.ts --here --plugin /opt/cni/bin/holdfast --conf web.json --only gc
`;

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  let flags: ReturnType<typeof readFlags>;
  try {
    flags = readFlags(words);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nsee --help\n`);
    return 2;
  }
  if (flags.help) {
    say(HELP);
    return 0;
  }
  if (flags.list) {
    sayCases(CASES);
    return 0;
  }
  if (flags.plugin === undefined || flags.conf === undefined) {
    process.stderr.write("--plugin and --conf are needed; see --help\n");
    return 2;
  }
  if (!flags.here) return await inOwnMachine(words);
  return await runHere({ ...flags, plugin: flags.plugin, conf: flags.conf });
}

function readFlags(words: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const options = {
    plugin: text,
    conf: text,
    address: text,
    expected: text,
    only: text,
    here: flag,
    list: flag,
    failures: flag,
    help: flag,
  };
  return parseArgs({ args: [...words], options }).values;
}

/** Runs this program again in a network namespace and with a `/run` of its own. */
async function inOwnMachine(words: readonly string[]): Promise<number> {
  const script = 'mount -t tmpfs cni-test /run && ip link set lo up && exec "$@"';
  const again = [process.execPath, import.meta.filename, "--here", ...words];
  const child = spawn("unshare", ["--net", "--mount", "--propagation=private", "sh", "-c", script, "sh", ...again], {
    stdio: "inherit",
  });
  const [code] = (await once(child, "close")) as [number | null];
  return code ?? 1;
}

async function runHere(flags: {
  readonly plugin: string;
  readonly conf: string;
  readonly address?: string | undefined;
  readonly expected?: string | undefined;
  readonly only?: string | undefined;
  readonly failures: boolean;
}): Promise<number> {
  const template = JSON.parse(await readFile(flags.conf, "utf8")) as Json;
  const expected = await readExpected(flags.expected);
  const cases = CASES.filter(({ id }) => id.includes(flags.only ?? ""));
  const ended = runSuite(new Plugin(flags.plugin, template), { cases, freeAddress: flags.address });
  const saying = { subject: flags.plugin, expected, cases: CASES, failures: flags.failures };
  return (await sayReports(ended, saying)) ? 0 : 1;
}
