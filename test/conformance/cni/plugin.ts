import assert from "node:assert/strict";
import { dirname } from "node:path";
import { type Outcome, tryRun } from "../command.ts";
import type { Container } from "./container.ts";

/** Versions of the specification that the suite knows, oldest first. */
export const VERSIONS = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type Version = (typeof VERSIONS)[number];

export type Json = Readonly<Record<string, unknown>>;

/** What ADD prints, in any of the versions. */
export interface Result {
  readonly cniVersion?: string;
  readonly interfaces?: readonly { readonly name: string; readonly mac?: string; readonly sandbox?: string }[];
  readonly ips?: readonly {
    readonly version?: string;
    readonly address: string;
    readonly gateway?: string;
    readonly interface?: number;
  }[];
  readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
}

export interface CallOptions {
  readonly container?: Container | { readonly id: string; readonly netns?: string };
  /** Default `"eth0"`. */
  readonly ifName?: string;
  readonly version?: string;
  /** Keys of the configuration beside those of the template. */
  readonly config?: Json;
  /** Standard input instead of the configuration. */
  readonly input?: string;
  /** `CNI_ARGS`. */
  readonly args?: string;
  /** Last word on the environment; undefined: the variable is not set. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A plugin under test: its program and a template of its configuration. */
export class Plugin {
  readonly path: string;
  readonly template: Json;
  /** What the plugin is called with when a case does not say it: the newest version that it speaks. */
  newest: string = "1.0.0";
  /** Whether something was added or taken away since this was last set to false: the machine may be busy with it still. */
  restless = true;
  readonly #added = new Set<string>();

  constructor(path: string, template: Json) {
    this.path = path;
    this.template = template;
  }

  get name(): string {
    return String(this.template.name);
  }

  async call(command: string, options: CallOptions = {}): Promise<Outcome> {
    const { container, ifName = "eth0", version = this.newest, config = {}, args, env = {} } = options;
    const input = options.input ?? JSON.stringify({ ...this.template, cniVersion: version, ...config });
    const variables = {
      CNI_COMMAND: command,
      CNI_PATH: dirname(this.path),
      ...(container === undefined ? {} : { CNI_CONTAINERID: container.id, CNI_IFNAME: ifName }),
      ...(container?.netns === undefined ? {} : { CNI_NETNS: container.netns }),
      ...(args === undefined ? {} : { CNI_ARGS: args }),
      ...env,
    };
    const set = Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
    const outcome = await tryRun([this.path], { env: Object.fromEntries(set) as Record<string, string>, input });
    this.#note(command, `${container?.id} ${ifName}`, outcome.code);
    return outcome;
  }

  #note(command: string, key: string, code: number): void {
    if (command === "ADD" && code === 0) this.#added.add(key);
    const changes = command === "ADD" ? code === 0 : command === "GC" || (command === "DEL" && this.#added.delete(key));
    this.restless ||= changes;
  }

  /** Calls with success; gives what was printed. */
  async succeed(command: string, options: CallOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.call(command, options);
    assert.equal(code, 0, `${command} fails with exit code ${code}: ${stdout}${stderr}`);
    return stdout;
  }

  async add(container: Container, options: CallOptions = {}): Promise<Result> {
    return readJson(await this.succeed("ADD", { ...options, container })) as Result;
  }

  async del(container: Container, options: CallOptions = {}): Promise<void> {
    await this.succeed("DEL", { ...options, container });
  }

  /** Calls without success; gives the error, in the form that the specification has for it. */
  async fail(command: string, options: CallOptions = {}): Promise<{ readonly code: number; readonly msg: string }> {
    const { code, stdout } = await this.call(command, options);
    assert.notEqual(code, 0, `${command} succeeds and prints ${stdout}`);
    assert.notEqual(code, -1, `${command} was ended by a signal`);
    const { code: errorCode, msg } = readJson(stdout);
    assert.ok(typeof errorCode === "number" && Number.isInteger(errorCode), `the error has no code: ${stdout}`);
    assert.ok(typeof msg === "string" && msg !== "", `the error has no msg: ${stdout}`);
    return { code: errorCode, msg };
  }

  async failWith(codes: readonly number[], command: string, options: CallOptions = {}): Promise<string> {
    const { code, msg } = await this.fail(command, options);
    assert.ok(codes.includes(code), `code ${code} instead of ${codes.join(" or ")}: ${msg}`);
    return msg;
  }
}

/** @throws AssertionError when there is anything beside one JSON object. */
export function readJson(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Json;
  } catch {
    // Told below.
  }
  assert.fail(`standard output is not one JSON object: ${JSON.stringify(text.slice(0, 200))}`);
}
