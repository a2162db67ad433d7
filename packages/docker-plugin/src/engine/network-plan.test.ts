import { Cidr, Name } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { fakeNetwork } from "../testing/fake-network.ts";
import type { EngineNetwork } from "./engine.ts";
import { planNetworks } from "./network-plan.ts";

const web = fakeNetwork("web", ["10.20.0.0/16"]);
const docker = (rest: Partial<EngineNetwork> = {}): EngineNetwork => ({
  id: "id-web",
  name: "web",
  labels: { "holdfast.managed": "true", "holdfast.subnets": "10.20.0.0/16 via 10.20.0.1" },
  options: {},
  ipamOptions: { "holdfast.network": "default/web" },
  subnets: ["10.20.0.0/16"],
  auxiliary: [],
  endpoints: [],
  ...rest,
});
const used = [{ id: "docker-1", container: "redis" }];
const kinds = (...args: Parameters<typeof planNetworks>): readonly string[] =>
  planNetworks(...args).map(({ kind }) => kind);

describe("the plan for docker networks", () => {
  test("a network of the tenant default has its own name, another one has its tenant's too", () => {
    const other = fakeNetwork("web", ["10.20.0.0/16"], { tenant: Name.parse("acme") });
    const names = planNetworks([web, other], [], "1.41").map((step) =>
      step.kind === "create" ? step.network.name : "",
    );
    expect(names).toEqual(["web", "web.acme"]);
  });

  test("every subnet of both families is named, with its gateway", () => {
    const both = fakeNetwork("web", ["10.20.0.0/16", "10.21.0.0/16", "fd00::/64"]);
    expect(planNetworks([both], [], "1.41")).toEqual([
      {
        kind: "create",
        network: {
          name: "web",
          ipv4: true,
          ipv6: true,
          subnets: [
            { prefix: "10.20.0.0/16", gateway: "10.20.0.1" },
            { prefix: "10.21.0.0/16", gateway: "10.21.0.1" },
            { prefix: "fd00::/64", gateway: "fd00::1" },
          ],
          options: { "holdfast.network": "default/web" },
          labels: {
            "holdfast.managed": "true",
            "holdfast.subnets": "10.20.0.0/16 via 10.20.0.1, 10.21.0.0/16 via 10.21.0.1, fd00::/64 via fd00::1",
          },
        },
      },
    ]);
  });

  test("what is right is left alone", () => {
    expect(planNetworks([web], [docker()], "1.41")).toEqual([]);
  });

  test("what has other subnets is made anew, but not while it is in use", () => {
    const grown = fakeNetwork("web", ["10.20.0.0/16", "10.21.0.0/16"]);
    expect(kinds([grown], [docker()], "1.41")).toEqual(["replace"]);
    expect(planNetworks([grown], [docker({ endpoints: used })], "1.41")).toEqual([
      { kind: "wait", name: "web", reason: "its subnets have changed, but it is in use by redis" },
    ]);
  });

  test("what is too many goes, but not while it is in use", () => {
    expect(planNetworks([], [docker()], "1.41")).toEqual([{ kind: "remove", id: "id-web", name: "web" }]);
    expect(kinds([], [docker({ endpoints: used })], "1.41")).toEqual(["wait"]);
    expect(kinds([{ ...web, docker: false }], [docker()], "1.41")).toEqual(["remove"]);
  });

  test("what is not ours is not touched, and serves", () => {
    const theirs = docker({ name: "mine", labels: {}, ipamOptions: { "holdfast.network": "web" } });
    expect(planNetworks([web], [theirs], "1.41")).toEqual([]);
    expect(planNetworks([], [theirs], "1.41")).toEqual([]);
  });

  test("a second one for the same network goes", () => {
    expect(planNetworks([web], [docker(), docker({ id: "id-2", name: "web2" })], "1.41")).toEqual([
      { kind: "remove", id: "id-2", name: "web2" },
    ]);
  });

  test("a network without IPv4 needs Docker 28, one without subnets waits for them", () => {
    const v6 = fakeNetwork("web", ["fd00::/64"]);
    expect(kinds([v6], [], "1.41")).toEqual(["wait"]);
    expect(planNetworks([v6], [], "1.48")).toMatchObject([{ kind: "create", network: { ipv4: false, ipv6: true } }]);
    expect(kinds([fakeNetwork("web", [])], [], "1.41")).toEqual(["wait"]);
  });

  test("a subnet without a gateway has none in Docker", () => {
    const bare = { ...web, subnets: [{ prefix: Cidr.parse("10.20.0.0/16") }] };
    expect(planNetworks([bare], [], "1.41")).toMatchObject([{ network: { subnets: [{ prefix: "10.20.0.0/16" }] } }]);
  });
});
