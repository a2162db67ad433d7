import assert from "node:assert/strict";
import { type CaseStage, Code, type ConformanceCase } from "../conformance-case.ts";
import type { CallOptions } from "../plugin.ts";

const MEGABYTE = 2 ** 20;
const ALL = ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"] as const;

type Environment = Readonly<Record<string, string | undefined>>;

interface Refusal extends Omit<CallOptions, "container"> {
  readonly id: string;
  readonly title: string;
  readonly codes: readonly number[];
  readonly command?: string;
  /** What the error's text names. */
  readonly names?: string;
}

const environment = (id: string, title: string, env: Environment, names: string): Refusal => {
  return { id, title, env, names, codes: [Code.invalidEnvironment] };
};

const refusals: readonly Refusal[] = [
  ...ALL.map((name) =>
    environment(`without-${name}`, `ADD without ${name} is refused with its name`, { [name]: undefined }, name),
  ),
  environment("without-all", "ADD without any variable is refused with their names", allUnset(), "CNI_CONTAINERID"),
  environment("without-CNI_COMMAND", "no command is refused", { CNI_COMMAND: undefined }, "CNI_COMMAND"),
  environment("unknown-command", "an unknown command is refused", { CNI_COMMAND: "MOVE" }, "MOVE"),
  ...["../x", "-x", "a b", "ä"].map((text) => {
    const id = `container-id-${text}`;
    return environment(id, `the container id ${JSON.stringify(text)} is refused`, { CNI_CONTAINERID: text }, "");
  }),
  ...["an-interface-too-long", "a/b", "a:b", "a b", ".", ".."].map((text) =>
    environment(`interface-${text}`, `the interface name ${JSON.stringify(text)} is refused`, { CNI_IFNAME: text }, ""),
  ),
  {
    id: "arguments-malformed",
    title: "CNI_ARGS that are no pairs are refused",
    args: "IgnoreUnknown=1;B",
    codes: [Code.invalidEnvironment],
  },
  { id: "input-empty", title: "empty input is refused", input: "", codes: [Code.undecodable] },
  { id: "input-broken", title: "input that ends early is refused", input: '{"cniVersion":', codes: [Code.undecodable] },
  { id: "input-array", title: "an array is refused", input: "[]", codes: [Code.undecodable] },
  { id: "input-text", title: "text that is not JSON is refused", input: "cni", codes: [Code.undecodable] },
  { id: "input-binary", title: "zero bytes are refused", input: "\0".repeat(512), codes: [Code.undecodable] },
  {
    id: "input-megabyte-broken",
    title: "a megabyte that is not JSON is refused",
    input: "x".repeat(MEGABYTE),
    codes: [Code.undecodable],
  },
  {
    id: "input-nested",
    title: "a hundred thousand opened brackets are refused",
    input: `{"a":${"[".repeat(100_000)}`,
    codes: [Code.undecodable],
  },
  {
    id: "without-name",
    title: "a configuration without a name is refused",
    config: { name: undefined },
    codes: [Code.invalidConfig],
  },
  {
    id: "name-malformed",
    title: "a name with a path in it is refused",
    config: { name: "../a/b" },
    codes: [Code.invalidConfig, Code.invalidEnvironment],
  },
  {
    id: "name-number",
    title: "a name that is a number is refused",
    config: { name: 7 },
    codes: [Code.undecodable, Code.invalidConfig],
  },
  {
    id: "prev-result-malformed",
    title: "CHECK with a prevResult that is none is refused",
    command: "CHECK",
    config: { prevResult: { ips: "none" } },
    codes: [Code.undecodable, Code.invalidConfig],
  },
];

export const inputCases: readonly ConformanceCase[] = [
  ...refusals.map(refusalCase),
  {
    id: "input-megabyte",
    title: "a configuration of a megabyte is a configuration",
    run: async ({ plugin, container }) => {
      const inside = await container();
      const config = { "example.org/long": "x".repeat(MEGABYTE) };
      await plugin.add(inside, { config });
      await plugin.del(inside, { config });
    },
  },
  {
    id: "input-unknown-keys",
    title: "keys that the plugin does not know are ignored",
    run: async ({ plugin, container }) => {
      const inside = await container();
      await plugin.add(inside, { config: { "example.org/key": { a: [1] } } });
    },
  },
  {
    id: "arguments-unknown",
    title: "CNI_ARGS of others are ignored with IgnoreUnknown",
    run: async ({ plugin, container }) => {
      await plugin.add(await container(), { args: "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=redis-0" });
    },
  },
  {
    id: "errors-in-the-version-asked",
    title: "an error is told in the version of the configuration",
    run: async ({ plugin, container }) => {
      for (const version of ["0.4.0", "1.0.0"]) {
        const { stdout } = await plugin.call("ADD", {
          container: await container(),
          version,
          env: { CNI_NETNS: "/none" },
        });
        assert.equal((JSON.parse(stdout) as { cniVersion?: string }).cniVersion, version);
      }
    },
  },
];

function refusalCase({ id, title, codes, command = "ADD", names = "", ...options }: Refusal): ConformanceCase {
  const run = async ({ plugin, container, withoutEffect }: CaseStage): Promise<void> => {
    const inside = await container();
    await withoutEffect(async () => {
      const msg = await plugin.failWith(codes, command, { container: inside, ...options });
      assert.ok(msg.includes(names), `the text does not name ${names}: ${msg}`);
    });
    assert.deepEqual(await inside.links(), []);
  };
  return { id, title: `${title}, with code ${codes.join(" or ")}`, run };
}

function allUnset(): Environment {
  return Object.fromEntries(ALL.map((name) => [name, undefined]));
}
