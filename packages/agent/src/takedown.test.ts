import { silentLogger } from "@holdfast/core";
import type { Phase } from "@holdfast/model";
import { expect, test } from "vitest";
import type { Book } from "./book.ts";
import type { EndpointChanges } from "./endpoint-changes.ts";
import type { LocalEndpoint } from "./local-endpoint.ts";
import { createTakedown } from "./takedown.ts";
import { FakeDriver } from "./testing/fake-driver.ts";

const ID = "e1";

function start(phase: Phase | undefined) {
  const driver = new FakeDriver();
  const endpoints = new Map(phase === undefined ? [] : [[ID, { id: ID, phase } as LocalEndpoint]]);
  const book = { endpoints, deleteEndpoint: async (id: string) => void endpoints.delete(id) } as unknown as Book;
  const changes = {} as EndpointChanges;
  const left = () => undefined;
  const takedown = createTakedown({ book, changes, driver, logger: silentLogger, lost: left, left });
  return { driver, endpoints, takedown };
}

test.each([
  ["wired", 1],
  ["active", 1],
  ["detaching", 1],
  ["detached", 0],
  ["released", 0],
  [undefined, 0],
] as const)("a lost endpoint that is %s here is waited for to be quiet %i times", async (phase, times) => {
  const { driver, endpoints, takedown } = start(phase);
  await takedown.forget(ID, "gone", new AbortController().signal);
  expect(driver.quieted).toHaveLength(times);
  expect(endpoints.size).toBe(0);
});
