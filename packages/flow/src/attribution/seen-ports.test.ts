import { expect, test } from "vitest";
import { createSeenPorts } from "./seen-ports.ts";

test("a port is whose packets came by it last, at its own node, until that one ends", () => {
  const ports = createSeenPorts();
  ports.set(1, 7, 30);
  ports.set(1, 7, 30);
  ports.set(2, 7, 31);
  expect([ports.ownerOf(1, 7), ports.ownerOf(2, 7), ports.ownerOf(1, 8)]).toEqual([30, 31, -1]);
  // The interface is another one's by now; that its former owner ends then says nothing of it.
  ports.set(1, 7, 32);
  ports.forget(30);
  expect(ports.ownerOf(1, 7)).toBe(32);
  ports.forget(32);
  ports.forget(32);
  expect(ports.ownerOf(1, 7)).toBe(-1);
});

test("who has another port has the one before no more", () => {
  const ports = createSeenPorts();
  ports.set(1, 7, 30);
  ports.set(2, 9, 30);
  expect([ports.ownerOf(1, 7), ports.ownerOf(2, 9)]).toEqual([-1, 30]);
});
