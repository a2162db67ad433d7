import { silentLogger, systemClock } from "@holdfast/core";
import type { DatapathDriver } from "@holdfast/datapath";
import { NO_NEWS, PolicyBook } from "@holdfast/policy";
import { expect, test } from "vitest";
import type { Book } from "./book.ts";
import type { LocalEndpoint } from "./local-endpoint.ts";
import { createPolicies } from "./policies.ts";
import type { PolicyRecords } from "./policy-records.ts";
import { FakePolicyPath } from "./testing/fake-driver.ts";
import { MEMBER as member, policyController } from "./testing/policy-controller.ts";

test("a program that news bring again stays, though the last endpoint that had it went while they waited", async () => {
  const { node, tell } = policyController();
  const gone: ((endpoint: string, successor: undefined) => void)[] = [];
  const endpoints = new Map<string, LocalEndpoint>([["e1", {} as LocalEndpoint]]);
  const book = { endpoints, whenGone: (listener) => void gone.push(listener) } as Partial<Book> as Book;
  const path = new FakePolicyPath();
  const known = new PolicyBook();
  const written = () => Promise.resolve();
  const forgotten: string[] = [];
  const forget = async (endpoint: string): Promise<void> => void forgotten.push(endpoint);
  const records: PolicyRecords = { told: true, put: written, putEndpoint: written, forget };
  const driver = { policy: path } as Partial<DatapathDriver> as DatapathDriver;
  const common = { book, driver, policies: known, records, clock: systemClock, logger: silentLogger };
  const policies = createPolicies({ ...common, rewire: written });
  const { signal } = new AbortController();

  node.setEndpoint("e1", member);
  await policies.take(tell(), true, signal);
  node.removeEndpoint("e1");
  await policies.take(tell(), false, signal);
  const [program] = path.path.programs.keys();
  expect(program).toBeDefined();

  node.setEndpoint("e2", member);
  const waiting = policies.take(tell(), false, signal);
  endpoints.delete("e1");
  for (const listener of gone) listener("e1", undefined);
  // An agent that dies now would have it for ever.
  expect(forgotten).toEqual(["e1"]);
  await waiting;
  await policies.take(NO_NEWS, false, signal);
  expect(known.everything().programs.map(({ id }) => id)).toEqual([program]);
  expect([...path.path.programs.keys()]).toEqual([program]);
});
