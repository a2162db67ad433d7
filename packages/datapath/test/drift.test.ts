import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asRemote, on, wiring } from "../src/testing/parties.ts";
import { createSandbox } from "./fabric.ts";
import { type ProbeReport, Traffic } from "./traffic.ts";
import { TwoHosts } from "./two-hosts.ts";

const MOVES = 4;

describe("an endpoint that moves to another host", () => {
  let world: TwoHosts;
  beforeAll(async () => {
    world = await TwoHosts.start();
    await world.place(0, "vxlan-a", "n8", 5);
    await world.place(1, "vxlan-b", "n8", 6);
    await world.at("vxlan-a").ping("10.30.0.6");
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test.each([
    { kind: "VLAN", net: "n7", address: "10.20.0.9", from: () => world.fabric.switch.path },
    { kind: "VXLAN", net: "n8", address: "10.30.0.9", from: () => world.at("vxlan-b").path },
  ])("answers there within 100 ms in a $kind", { retry: 2 }, async ({ kind, net, address, from }) => {
    await using undo = new AsyncDisposableStack();
    // What runs in the new sandbox is started before, so that only the network is measured.
    const sandboxes = await Promise.all(
      Array.from({ length: MOVES + 1 }, async () => {
        const sandbox = undo.use(await createSandbox());
        await undo.use(Traffic.start(sandbox.path, "udp-echo", "-", 7000)).next();
        return sandbox;
      }),
    );
    const arrive = async (move: number): Promise<void> => {
      const index = move % 2;
      const endpoint = wiring("mover", net, [address], { epoch: move + 1 });
      const port = await world.driver(index).attach(endpoint, world.signal);
      const { kernel } = world.hosts[index === 0 ? 0 : 1];
      const sandbox = sandboxes[move] ?? expect.unreachable();
      const link = port.containerInterface;
      await kernel.setLink(link, { namespace: sandbox.path });
      await sandbox.kernel.replaceAddress({ link, ...on(`${address}/24`) });
      await sandbox.kernel.setLink(link, { up: true });
      if (net === "n8") world.driver(1 - index).setRemote(asRemote(endpoint, TwoHosts.tunnel(index)));
      world.driver(index).removeRemote("mover");
      await world.driver(index).announce("mover", world.signal);
    };
    await arrive(0);
    const gaps: number[] = [];
    for (let move = 1; move <= MOVES; move++) {
      await using probe = Traffic.start(from(), "udp-probe", address, 7000, 1000);
      await probe.next();
      await world.driver((move - 1) % 2).detach("mover", world.signal);
      await arrive(move);
      await wait(500);
      gaps.push((await probe.finish<ProbeReport>()).longestGapMs);
      expect(world.driver(move % 2).status()).toEqual([]);
    }
    const text = gaps.map((gap) => gap.toFixed(0)).join(", ");
    process.stdout.write(`moves in a ${kind}: ${text} ms without an answer\n`);
    await world.driver(MOVES % 2).detach("mover", world.signal);
    expect(gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length / 2)]).toBeLessThan(100);
  });
});
