import { expect, test } from "vitest";
import { network, wiring } from "../src/testing/parties.ts";
import { Host } from "./fabric.ts";

test.each(["flush ruleset", "delete table inet holdfast_shield", "delete table arp holdfast_shield"])(
  "the shield comes back behind nft %s",
  async (command) => {
    await using host = await Host.start();
    const driver = await host.open();
    await using _closed = { [Symbol.asyncDispose]: () => driver.close() };
    driver.setNetwork(network("n7", "vlan", 100));
    await driver.attach(wiring("a", "n7", ["10.20.0.5"]), AbortSignal.timeout(5000));
    await driver.synced(AbortSignal.timeout(5000));
    const tables = async () =>
      (await host.ovs.exec("nft", "list", "ruleset")).match(/^table \S+ holdfast\S*/gm)?.toSorted();
    const before = await tables();
    expect(before).toEqual(expect.arrayContaining(["table arp holdfast_shield", "table inet holdfast_shield"]));
    await host.ovs.exec("nft", command);
    await expect.poll(tables, { timeout: 5000 }).toEqual(before);
    await expect.poll(() => driver.status(), { timeout: 5000 }).toEqual([]);
  },
  30_000,
);
