import { describe, expect, test } from "vitest";
import { environmentName, flagName, option, readOptions } from "./options.ts";

const definitions = {
  listen: option.text("Address.", "HOST:PORT", "127.0.0.1:4653"),
  nodeTimeout: option.duration("Silence after which a node counts as silent.", "60s"),
  limit: option.integer("How many.", 10, { min: 1, max: 99 }),
  token: option.optional("Secret.", "TEXT", (text) => text),
  insecure: option.flag("Listen without a token."),
};

describe("options", () => {
  test("that are flags need no value on a command line", () => {
    expect(
      readOptions("controller", { insecure: option.flag("Listen without a token.") }, { flags: { insecure: true } }),
    ).toEqual({
      insecure: true,
    });
  });

  test("come from flag, variable, file and default, in this order", () => {
    const values = readOptions("controller", definitions, {
      flags: { listen: "1.2.3.4:1" },
      environment: { HOLDFAST_CONTROLLER_LISTEN: "x", HOLDFAST_CONTROLLER_NODE_TIMEOUT: "5s" },
      file: { nodeTimeout: "9s", limit: 7 },
    });
    expect(values).toEqual({ listen: "1.2.3.4:1", nodeTimeout: 5000, limit: 7, token: undefined, insecure: false });
  });

  test("an error names where the value came from", () => {
    const read = (sources: Parameters<typeof readOptions>[2]) => () => readOptions("controller", definitions, sources);
    expect(read({ environment: { HOLDFAST_CONTROLLER_LIMIT: "100" } })).toThrow("HOLDFAST_CONTROLLER_LIMIT");
    expect(read({ flags: { nodeTimeout: "soon" } })).toThrow("--node-timeout");
    expect(read({ file: { limit: { a: 1 } } })).toThrow(
      "controller.limit in the configuration file is neither text, number",
    );
    expect(read({ file: { lisen: "x" } })).toThrow("controller.lisen in the configuration file is no option");
  });

  test("names follow from one name", () => {
    expect([flagName("nodeTimeout"), environmentName("docker-plugin", "nodeTimeout")]).toEqual([
      "--node-timeout",
      "HOLDFAST_DOCKER_PLUGIN_NODE_TIMEOUT",
    ]);
  });
});
