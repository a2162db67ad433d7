import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { addressCases } from "./cnm-addresses.ts";
import { callCases } from "./cnm-calls.ts";
import type { CnmCase, CnmStage, CnmSubject } from "./cnm-case.ts";
import { lifeCases } from "./cnm-lives.ts";
import { restartCases } from "./cnm-restarts.ts";
import { type Dialect, DockerCaller } from "./docker-caller.ts";
import { PlayedDaemon } from "./docker-daemon.ts";
import { DockerRemains } from "./docker-remains.ts";

/**
 * What Docker expects of a plugin that is a network driver and an IPAM driver, played from outside through its socket: every sequence of
 * calls that libnetwork makes, each call doubled, with empty bodies, with crashes between the calls.
 */
export const CNM_CASES: readonly CnmCase[] = [...callCases, ...addressCases, ...lifeCases, ...restartCases];

/** Milliseconds. */
const SETTLING = 5000;
const BETWEEN_LOOKS = 20;

export interface CnmCaseOptions {
  /** Which dockerd is played. */
  readonly dialect: Dialect;
  /** Milliseconds that a plugin may take to count an address as free after it has said that it is; default 5000. */
  readonly settling?: number | undefined;
}

/**
 * Runs one case, then takes away what it has left with the plugin.
 *
 * @throws Error: the plugin does not do what is expected.
 */
export async function runCnmCase(
  each: CnmCase,
  subject: CnmSubject,
  { dialect, settling = SETTLING }: CnmCaseOptions,
): Promise<void> {
  await using undo = new AsyncDisposableStack();
  const remains = new DockerRemains();
  const caller = new DockerCaller(subject.socketPath, dialect, (method, body, reply) =>
    remains.note(method, body, reply),
  );
  undo.defer(() => caller.close());
  const held = each.needs?.includes("held") === true ? await HeldSince.now(subject, settling) : undefined;
  undo.defer(async () => {
    await remains.takeAway(caller);
    // What is still on its way out would be the next case's. Whether anything stays for ever, the case has said.
    await held?.comesTo(0);
  });
  await each.run(stageOf(subject, { caller, dialect, held }));
}

/** Addresses that are held beyond those that were at a moment. */
class HeldSince {
  readonly #before: ReadonlySet<string>;
  readonly #look: () => Promise<readonly string[]>;
  readonly #settling: number;

  private constructor(look: () => Promise<readonly string[]>, before: readonly string[], settling: number) {
    this.#look = look;
    this.#before = new Set(before);
    this.#settling = settling;
  }

  static async now({ heldAddresses = async () => [] }: CnmSubject, settling: number): Promise<HeldSince> {
    return new HeldSince(heldAddresses, await heldAddresses(), settling);
  }

  /** Waits for so many; gives those that are held in the end. */
  async comesTo(count: number): Promise<readonly string[]> {
    for (let waited = 0; ; waited += BETWEEN_LOOKS) {
      const held = (await this.#look()).filter((address) => !this.#before.has(address));
      if (held.length === count || waited >= this.#settling) return held;
      await pause(BETWEEN_LOOKS);
    }
  }
}

function stageOf(
  { plan, freeAddress = "", crash }: CnmSubject,
  { caller, dialect, held }: { caller: DockerCaller; dialect: Dialect; held: HeldSince | undefined },
): CnmStage {
  const docker = new PlayedDaemon(caller, dialect);
  return {
    plan,
    freeAddress,
    caller,
    docker,
    network: () => docker.createNetwork(plan),
    async crash() {
      await crash?.();
      caller.close();
    },
    async holds(count) {
      const found = (await held?.comesTo(count)) ?? [];
      assert.equal(found.length, count, `addresses that are held: ${found.join(", ")}`);
    },
  };
}
