import assert from "node:assert/strict";
import type { CaseStage, ConformanceCase } from "../conformance-case.ts";

const MAC = "0a:58:0a:14:00:4d";

export const wishCases: readonly ConformanceCase[] = [
  ...["", "/16"].map(
    (length): ConformanceCase => ({
      id: `wish-IP${length.replace("/", "-")}`,
      title: `CNI_ARGS with IP=ADDRESS${length} gives that address`,
      skipped: withoutAddress,
      run: async ({ plugin, container, freeAddress }) => {
        const { ips } = await plugin.add(await container(), { args: `IgnoreUnknown=1;IP=${freeAddress}${length}` });
        assert.equal(ips?.[0]?.address.split("/")[0], freeAddress);
      },
    }),
  ),
  {
    id: "wish-ips",
    title: "the capability ips gives that address, and refuses it to a second container",
    skipped: (stage) => withoutAddress(stage) ?? without(stage, "ips"),
    run: async ({ plugin, container, freeAddress, withoutEffect }) => {
      const config = { runtimeConfig: { ips: [`${freeAddress}/16`] } };
      const { ips } = await plugin.add(await container(), { config });
      assert.equal(ips?.[0]?.address.split("/")[0], freeAddress);
      const second = await container();
      await withoutEffect(async () => {
        await plugin.fail("ADD", { container: second, config });
      });
    },
  },
  {
    id: "wish-ips-malformed",
    title: "the capability ips with what is no address is refused",
    skipped: (stage) => without(stage, "ips"),
    run: async ({ plugin, container, withoutEffect }) => {
      const inside = await container();
      await withoutEffect(async () => {
        await plugin.fail("ADD", { container: inside, config: { runtimeConfig: { ips: ["ten"] } } });
      });
    },
  },
  {
    id: "wish-mac",
    title: "the capability mac gives that MAC or refuses",
    skipped: (stage) => without(stage, "mac"),
    run: async ({ plugin, container }) => {
      const inside = await container();
      const { code } = await plugin.call("ADD", { container: inside, config: { runtimeConfig: { mac: MAC } } });
      const links = await inside.links();
      if (code === 0) assert.equal(links[0]?.address, MAC);
      else assert.deepEqual(links, []);
    },
  },
];

function withoutAddress({ freeAddress }: CaseStage): string | undefined {
  return freeAddress === undefined ? "no --address" : undefined;
}

function without({ plugin }: CaseStage, capability: string): string | undefined {
  const { capabilities = {} } = plugin.template as { readonly capabilities?: Readonly<Record<string, boolean>> };
  return capabilities[capability] === true ? undefined : `capability ${capability} is not in the template`;
}
