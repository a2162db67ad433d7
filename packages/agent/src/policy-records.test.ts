import { silentLogger, systemClock } from "@holdfast/core";
import type { DatapathDriver } from "@holdfast/datapath";
import { NO_NEWS } from "@holdfast/policy";
import { openMemoryStore } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import type { Book } from "./book.ts";
import type { LocalEndpoint } from "./local-endpoint.ts";
import { createPolicies } from "./policies.ts";
import { openPolicyRecords } from "./policy-records.ts";
import { FakePolicyPath } from "./testing/fake-driver.ts";
import { MEMBER, policyController } from "./testing/policy-controller.ts";

const { signal } = new AbortController();

/** A node with these endpoints in its book, which it has been told of, and what it has on disk. */
async function nodeWith(...ids: string[]) {
  const store = openMemoryStore({ clock: systemClock });
  const endpoints = new Map(ids.map((id) => [id, {} as LocalEndpoint]));
  const path = new FakePolicyPath();
  const driver = { policy: path } as Partial<DatapathDriver> as DatapathDriver;
  const { node, tell } = policyController();

  /** As after a start of the agent. */
  async function start() {
    const gone: ((endpoint: string, successor: undefined) => void)[] = [];
    const whenGone: Book["whenGone"] = (listener) => void gone.push(listener);
    const book = { endpoints, blocks: new Map(), whenGone } as Partial<Book> as Book;
    const told = await openPolicyRecords(store);
    const rest = { rewire: () => Promise.resolve(), clock: systemClock, logger: silentLogger };
    const policies = createPolicies({ ...rest, ...told, book, driver });
    return { policies, known: () => told.policies.endpoints(), gone };
  }

  const started = await start();
  for (const id of ids) node.setEndpoint(id, MEMBER);
  await started.policies.take(tell(), true, signal);
  return {
    ...started,
    start,
    endpoints,
    path,
    /** News that name the endpoint. */
    named(id: string): Promise<void> {
      node.removeEndpoint(id);
      node.setEndpoint(id, MEMBER);
      return started.policies.take(tell(), false, signal);
    },
    /** No longer in the book. */
    leaves(id: string): void {
      endpoints.delete(id);
      for (const listener of started.gone) listener(id, undefined);
    },
    async onDisk(): Promise<string[]> {
      const { entries } = await store.list("policy/endpoint/");
      return entries.map(({ key }) => key.slice("policy/endpoint/".length));
    },
  };
}

describe("an endpoint's record of its policy goes", () => {
  test("when the endpoint has gone while news that name it waited", async () => {
    const { named, leaves, onDisk } = await nodeWith("e1", "e2");
    expect(await onDisk()).toEqual(["e1", "e2"]);
    const waiting = named("e1");
    leaves("e1");
    await waiting;
    await expect.poll(onDisk).toEqual(["e2"]);
  });

  test("when the controller says that an endpoint is gone which news named after it was", async () => {
    const { named, leaves, onDisk, policies, known } = await nodeWith("e1", "e2");
    leaves("e1");
    await expect.poll(onDisk).toEqual(["e2"]);
    await named("e1");
    expect(await onDisk()).toEqual(["e1", "e2"]);
    for (const id of ["e1", "e2"]) await policies.gone(id);
    await expect.poll(onDisk).toEqual(["e2"]);
    expect(known()).toEqual(["e2"]);
  });

  test("when neither the book has it nor the controller names it among everything", async () => {
    const { endpoints, policies, onDisk, known, path } = await nodeWith("e1", "e2");
    endpoints.delete("e1");
    await policies.take(NO_NEWS, true, signal);
    await expect.poll(onDisk).toEqual(["e2"]);
    expect(known()).toEqual(["e2"]);
    // What was in force for it was that of the other, too.
    expect(path.path.programs.size).toBe(1);
  });

  test("at a start when the book does not have it", async () => {
    const { endpoints, start, onDisk } = await nodeWith("e1", "e2");
    endpoints.delete("e1");
    const { policies, known } = await start();
    await policies.restore(signal);
    await expect.poll(onDisk).toEqual(["e2"]);
    expect(known()).toEqual(["e2"]);
  });
});
