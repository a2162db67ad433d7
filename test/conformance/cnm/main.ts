import { parseArgs } from "node:util";
import { CNM_CASES, DIALECTS } from "@holdfast/docker-plugin/testing";
import { readExpected, say, sayCases, sayReports } from "../console.ts";
import { type SubjectFlags, subjectOf } from "./subject.ts";
import { runSuite } from "./suite.ts";

const HELP = `Looks from outside whether a plugin does what Docker expects of a network driver and IPAM driver (CNM, "remote" drivers).

  node test/conformance/cnm/main.ts --socket FILE --pool PREFIX [flags]
  make conformance-cnm SOCKET=FILE POOL=PREFIX [FLAGS="…"]

  --socket FILE       the plugin's socket; default: the environment's CNM_SOCKET
  --pool PREFIX       IPv4 prefix to make docker networks with, e.g. 10.20.0.0/16
  --gateway ADDRESS   gateway to ask for; otherwise the plugin names one
  --ipam-opt K=V      as for docker network create; may be given several times
  --opt K=V           the same
  --address ADDRESS   an address of the prefix that nobody has: the suite asks for it
  --restart COMMAND   kills the plugin (kill -9), starts it again, and ends when the socket is served
  --held COMMAND      prints the addresses that containers have or that are reserved for them, one a line
  --expected FILE     JSON with failures that are known, {"CASE": "why"}: they are printed and do not count; one that passes does
  --dialect VERSION   speak as Docker 20.10 or 29 only
  --only TEXT         only cases whose id contains this
  --list              print ids and titles of all cases
  --failures          print only what has not just passed

No dockerd is needed: the suite makes its calls, and takes away what it has made. One that uses the same plugin should be stopped.
Cases that need a flag which was not given are skipped, and named.
Exit code: 0 when every case ended as it is known to end, 1 when not, 2 for wrong flags.

Examples
  make conformance-cnm SOCKET=/run/docker/plugins/holdfast.sock POOL=10.20.0.0/16 FLAGS="--address 10.20.7.7 --ipam-opt holdfast.network=web"
  CNM_SOCKET=/run/docker/plugins/weave.sock node test/conformance/cnm/main.ts --pool 10.32.0.0/12 --restart 'systemctl kill -s KILL weave; sleep 1'
`;

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  try {
    const flags = readFlags(words);
    if (flags.help) {
      say(HELP);
      return 0;
    }
    if (flags.list) {
      sayCases(CNM_CASES);
      return 0;
    }
    const { socket = process.env.CNM_SOCKET, pool } = flags;
    if (socket === undefined || pool === undefined) throw new Error("--socket and --pool are needed");
    const dialects = DIALECTS.filter(({ name }) => name === (flags.dialect ?? name));
    if (dialects.length === 0) throw new Error(`--dialect ${flags.dialect}: 20.10 or 29 is needed`);
    return await runAll({ ...flags, socket, pool }, dialects);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nsee --help\n`);
    return 2;
  }
}

function readFlags(words: readonly string[]) {
  const text = { type: "string" } as const;
  const texts = { type: "string", multiple: true } as const;
  const flag = { type: "boolean", default: false } as const;
  const options = {
    socket: text,
    pool: text,
    gateway: text,
    "ipam-opt": texts,
    opt: texts,
    address: text,
    restart: text,
    held: text,
    expected: text,
    dialect: text,
    only: text,
    list: flag,
    failures: flag,
    help: flag,
  };
  return parseArgs({ args: [...words], options }).values;
}

async function runAll(
  flags: SubjectFlags & {
    readonly expected?: string | undefined;
    readonly only?: string | undefined;
    readonly failures: boolean;
  },
  dialects: typeof DIALECTS,
): Promise<number> {
  const expected = await readExpected(flags.expected);
  const cases = CNM_CASES.filter(({ id }) => id.includes(flags.only ?? ""));
  const subject = subjectOf(flags);
  const ends: boolean[] = [];
  for (const dialect of dialects) {
    const saying = {
      subject: `${flags.socket}, Docker ${dialect.name}`,
      expected,
      cases: CNM_CASES,
      failures: flags.failures,
    };
    ends.push(await sayReports(runSuite(subject, { dialect, cases }), saying));
  }
  return ends.every(Boolean) ? 0 : 1;
}
