import { Cidr } from "@holdfast/core";
import type { DatapathDriver } from "@holdfast/datapath";
import { NO_CHANGE, wiring } from "@holdfast/datapath/testing";
import { timed } from "../statistics.ts";
import { createVersions, LARGE_SET } from "./programs.ts";

const CHANGES = 100;

export interface Enforcement {
  /** Milliseconds of each change of one rule. */
  readonly rules: readonly number[];
  /** Of each change of one member of the large set. */
  readonly members: readonly number[];
}

/** From a change at the data path to when it is in force, with so many endpoints that share a program of so many rules, one of them about the large set. */
export async function measureEnforcement(
  driver: DatapathDriver,
  { endpoints, rules, signal }: { readonly endpoints: number; readonly rules: number; readonly signal: AbortSignal },
): Promise<Enforcement> {
  const { policy } = driver;
  if (policy === undefined) throw new TypeError("the driver enforces no policy");
  const id = "default/shared";
  const version = createVersions(rules, id);
  await policy.applyPolicy({ ...NO_CHANGE, programs: [version(0)] }, signal);
  for (let index = 0; index < endpoints; index++) {
    const endpoint = wiring(`shared-${index}`, "n7", [`10.20.1.${index + 1}`], { policy: { program: id } });
    await driver.attach(endpoint, signal);
  }
  const taken: { rules: number[]; members: number[] } = { rules: [], members: [] };
  for (let index = 0; index < CHANGES; index++) {
    const change = { ...NO_CHANGE, programs: [version(index + 1)] };
    taken.rules.push(await timed(() => policy.applyPolicy(change, signal)));
    const member = [Cidr.parse(`172.16.0.${index}/32`)];
    const edit = { id: LARGE_SET, remove: [], add: member };
    taken.members.push(await timed(() => policy.applyPolicy({ ...NO_CHANGE, setEdits: [edit] }, signal)));
  }
  return taken;
}
