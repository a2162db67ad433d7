import { routes } from "@holdfast/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Stage } from "./stage.ts";

let stage: Stage;
/** A machine of the company's that the book does not know: the router has its address besides its own. */
const FOREIGN = "10.20.0.2";

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  const vlans = { 100: ["10.20.0.1/16", `${FOREIGN}/16`] };
  stage = await Stage.create({ title: "probe", vlans }, signal);
  await stage.network("web", "--kind vlan --vlan 100 --subnet 10.20.0.0/16 --conflict-probe", signal);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

async function quarantine(signal: AbortSignal) {
  return (await stage.platform.client.call(routes.listQuarantine, {}, { signal })).items;
}

/** The router's interface with an address, and its MAC. */
async function foreign(signal: AbortSignal): Promise<{ link: string; mac: string }> {
  const { stdout } = await stage.lab.router.exec(["ip", "-json", "address", "show"], { signal });
  const links = JSON.parse(stdout) as { ifname: string; address: string; addr_info: { local: string }[] }[];
  const found = links.find(({ addr_info }) => addr_info.some(({ local }) => local === FOREIGN));
  if (found === undefined) throw new TypeError("the router has the address");
  return { link: found.ifname, mac: found.address };
}

describe("an address that a machine outside has", () => {
  test("fails the start of the container that was to have it, with the MAC that answered", async ({ signal }) => {
    const { mac } = await foreign(signal);
    const text = await stage.runRefused(stage.h1, "web-1", "--network web", signal);
    expect(text).toContain(`a machine outside has ${FOREIGN} (${mac} answered) in network default/web`);
    expect(text).toContain("start the container again for another address");
  });

  test("is another one at the second try, and everybody can see why", async ({ signal }) => {
    const { mac } = await foreign(signal);
    const { address } = await stage.run(stage.h1, "web-1", { network: "web" }, signal);
    expect(address).not.toBe(FOREIGN);
    expect(await stage.answersRouter(address, signal)).toBe(true);
    expect((await quarantine(signal)).map((one) => [one.address, one.mac, one.node])).toEqual([[FOREIGN, mac, "h1"]]);
    expect(await stage.holdfast("ip quarantine", signal)).toContain(mac);
    expect(await stage.holdfast("network usage web", signal)).toMatch(/QUARANTINED/);
    const story = await stage.holdfast(`ip explain ${FOREIGN}`, signal);
    expect(story).toContain(`${FOREIGN} is in quarantine: ${mac}, a machine outside, answered for it on node h1`);
    expect(story).toContain(`holdfast ip release-quarantine ${FOREIGN} --network web`);
    const refused = await stage.runRefused(stage.h2, "web-2", `--network web --ip ${FOREIGN}`, signal);
    expect(refused).toContain("is in quarantine");
  });

  test("can be used when it was released and the machine does not answer any more", async ({ signal }) => {
    const { link } = await foreign(signal);
    await stage.lab.router.exec(["ip", "address", "del", `${FOREIGN}/16`, "dev", link], { signal });
    await stage.holdfast(`ip release-quarantine ${FOREIGN} --network web --reason moved`, signal);
    const { address } = await stage.run(stage.h2, "web-2", { network: "web", address: FOREIGN }, signal);
    expect(address).toBe(FOREIGN);
  });
});

describe("an identity whose address has been on the wire", () => {
  test("drifts without a question: a machine that has taken its address since then does not stop it", async ({
    signal,
  }) => {
    const { address } = await stage.claim("db", "web", signal);
    await stage.run(stage.h1, "db", { network: "web", address }, signal);
    await stage.endpointIn(address, "active", signal);
    await stage.h1.docker(["rm", "--force", "db"], { signal });
    const { stdout } = await stage.lab.router.exec(["ip", "-json", "address", "show", "to", "10.20.0.1"], { signal });
    const [{ ifname }] = JSON.parse(stdout) as [{ ifname: string }];
    await stage.lab.router.exec(["ip", "address", "add", `${address}/32`, "dev", ifname], { signal });
    expect(await stage.run(stage.h2, "db", { network: "web", address }, signal)).toMatchObject({ address });
    expect(await quarantine(signal)).toEqual([]);
  });
});
