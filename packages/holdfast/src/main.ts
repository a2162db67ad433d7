import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { type CliIo, runCli } from "@holdfast/cli";
import { createNodeFetch } from "@holdfast/http";
import { addPrograms } from "./programs/commands.ts";

const interrupted = new AbortController();
const io: CliIo = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  environment: process.env,
  readFile: (path) => (path === "-" ? readAll(process.stdin) : readFile(path, "utf8")),
  readBytes: (path) => (path === "-" ? process.stdin : createReadStream(path, { highWaterMark: 1024 * 1024 })),
  fetch: createNodeFetch(),
  now: () => new Date(),
  wait: (milliseconds) => setTimeout(milliseconds, undefined, { signal: interrupted.signal }),
  signal: interrupted.signal,
};

// Who piped the output away and ended, like head(1), wants no more; a program that is at work ends it in order.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  interrupted.abort(error);
});

const code = await runCli(process.argv.slice(2), io, (program) => addPrograms(program, { io, interrupted }));
// A program may have set a code of its own, like that of what `lab exec` ran.
process.exitCode ??= code;
