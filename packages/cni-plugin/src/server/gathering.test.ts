import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Gathering } from "./gathering.ts";

/** Calls that have begun. */
let begun: string[];
let gathering: Gathering;

function start(): void {
  begun = [];
  gathering = new Gathering();
}

function call(name: string): void {
  void gathering.gathered().then(() => begun.push(name));
}

test("a call that came alone begins in the turn after its connection's", async () => {
  start();
  gathering.accepted();
  call("a");
  await turn();
  expect(begun).toEqual([]);
  await turn();
  expect(begun).toEqual(["a"]);
});

test("a call whose connection has been there begins in its turn", async () => {
  start();
  gathering.accepted();
  call("a");
  for (let count = 0; count < 3; count++) await turn();
  call("b");
  await turn();
  expect(begun).toEqual(["a", "b"]);
});

test("calls wait while each turn brings another connection, and begin together", async () => {
  start();
  for (const name of ["a", "b", "c"]) {
    gathering.accepted();
    call(name);
    await turn();
    expect(begun).toEqual([]);
  }
  await turn();
  expect(begun).toEqual(["a", "b", "c"]);
});

test("connections without end keep no call waiting", async () => {
  start();
  call("a");
  for (let count = 0; count < 66; count++) {
    gathering.accepted();
    await turn();
  }
  expect(begun).toEqual(["a"]);
});
