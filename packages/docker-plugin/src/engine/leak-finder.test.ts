import { Identity, IpAddress, MacAddress, Name } from "@holdfast/core";
import type { AttachmentInfo } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { createLeakFinder, type Finding, type Sighting } from "./leak-finder.ts";

const attachment = (rest: Partial<AttachmentInfo> = {}): AttachmentInfo => ({
  endpoint: "e1",
  runtimeEndpoint: "docker-1",
  tenant: Name.parse("default"),
  network: Name.parse("web"),
  identity: Identity.parse("redis-0"),
  addresses: [IpAddress.parse("10.20.0.7")],
  mac: MacAddress.parse("02:64:0a:14:00:07"),
  phase: "active",
  since: 0,
  ...rest,
});
const { runtimeEndpoint: _, ...unattached } = attachment({ phase: "reserved" });

/** A look at second `seconds`. */
const at = (seconds: number, rest: Partial<Sighting> = {}): Sighting => ({
  attachments: [attachment()],
  listed: new Set(),
  at: seconds * 1000,
  monotonic: seconds * 1000,
  engineSince: 0,
  events: 0,
  ...rest,
});

function findings(...sightings: readonly Sighting[]): readonly Finding["leaked"][] {
  const finder = createLeakFinder();
  return sightings.map((sighting) => finder.look(sighting).leaked);
}

describe("the leak finder", () => {
  test.each<[string, readonly Sighting[], readonly (readonly string[])[]]>([
    ["once is nothing", [at(10)], [[]]],
    ["twice within a moment is nothing", [at(10), at(11)], [[], []]],
    ["twice with five seconds between is a leak", [at(10), at(15)], [[], ["e1"]]],
    ["twice with an event between is a leak", [at(10), at(11, { events: 1 })], [[], ["e1"]]],
    [
      "what came back in between begins anew",
      [at(10), at(12, { listed: new Set(["docker-1"]) }), at(15), at(16)],
      [[], [], [], []],
    ],
    [
      "what dockerd lists is no leak",
      [at(10, { listed: new Set(["docker-1"]) }), at(20, { listed: new Set(["docker-1"]) })],
      [[], []],
    ],
    [
      "what has changed its phase begins anew",
      [at(10), at(15, { attachments: [attachment({ phase: "detached", since: 12_000 })] })],
      [[], []],
    ],
    [
      "an attachment younger than the look is no candidate",
      [
        at(10, { attachments: [attachment({ since: 10_000 })] }),
        at(15, { attachments: [attachment({ since: 10_000 })] }),
      ],
      [[], []],
    ],
    [
      "a reservation without an endpoint has thirty seconds",
      [
        at(10, { attachments: [unattached] }),
        at(29, { attachments: [unattached] }),
        at(30, { attachments: [unattached] }),
        at(35, { attachments: [unattached] }),
      ],
      [[], [], [], ["e1"]],
    ],
    [
      "a reservation older than this dockerd has five, whatever happens",
      [
        at(10, { attachments: [unattached], engineSince: 9_000 }),
        at(12, { attachments: [unattached], engineSince: 9_000, events: 3 }),
        at(15, { attachments: [unattached], engineSince: 9_000 }),
      ],
      [[], [], ["e1"]],
    ],
    [
      "what is released is nobody's concern",
      [
        at(10, { attachments: [attachment({ phase: "released" })] }),
        at(15, { attachments: [attachment({ phase: "released" })] }),
      ],
      [[], []],
    ],
  ])("%s", (_name, sightings, expected) => {
    expect(findings(...sightings)).toEqual(expected);
  });

  test("what was missing in an engine that went says nothing about the next one", () => {
    const finder = createLeakFinder();
    finder.look(at(10));
    finder.forget();
    expect(finder.look(at(20)).leaked).toEqual([]);
  });

  test("a suspect asks for a second look", () => {
    const finder = createLeakFinder();
    expect(finder.look(at(10)).suspects).toBe(true);
    expect(finder.look(at(11, { listed: new Set(["docker-1"]) })).suspects).toBe(false);
  });
});
