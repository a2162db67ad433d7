import { afterEach, beforeEach, describe } from "vitest";
import { addresses } from "./cnm-addresses.ts";
import { calls } from "./cnm-calls.ts";
import type { CnmContext, CnmSubject } from "./cnm-context.ts";
import { lives } from "./cnm-lives.ts";
import { restarts } from "./cnm-restarts.ts";
import { DIALECTS, type Dialect, DockerCaller } from "./docker-caller.ts";
import { PlayedDaemon } from "./docker-daemon.ts";

/**
 * What Docker expects of a plugin that is a network driver and an IPAM driver, played from outside through its socket: every sequence of
 * calls that libnetwork makes, each call doubled, with empty bodies, with crashes between the calls, in the words of Docker 20.10 and 29.
 */
export function cnmConformance(name: string, startPlugin: () => Promise<CnmSubject>): void {
  for (const dialect of DIALECTS) {
    describe(`CNM conformance of ${name}, Docker ${dialect.name}`, () => suite(dialect, startPlugin));
  }
}

function suite(dialect: Dialect, startPlugin: () => Promise<CnmSubject>): void {
  let subject: CnmSubject;
  let caller: DockerCaller;
  let docker: PlayedDaemon;
  beforeEach(async () => {
    subject = await startPlugin();
    caller = new DockerCaller(subject.socketPath, dialect);
    docker = new PlayedDaemon(caller, dialect);
  });
  afterEach(async () => {
    caller.close();
    await subject.stop();
  });

  const context: CnmContext = { subject: () => subject, caller: () => caller, docker: () => docker };
  calls(context);
  addresses(context);
  lives(context);
  restarts(context);
}
