import { expect, test } from "vitest";
import { type PlacedPort, portPage } from "./told-port.ts";

test("pages of ports cut none off that has the place of the one before it", () => {
  const ports = ["a", "b", "b", "b", "c"].map((place) => ({ place, told: {} }) as PlacedPort);
  const first = portPage(ports, { limit: 2 });
  expect(first).toMatchObject({ items: [{}, {}, {}, {}], continue: "b" });
  expect(portPage(ports, { limit: 2, after: first.continue })).toEqual({ items: [{}] });
});
