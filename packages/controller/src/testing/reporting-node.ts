import { once } from "node:events";
import { PassThrough } from "node:stream";
import { Name } from "@holdfast/core";
import { type InventoryEndpoint, type NodeFeedMessage, nodeInventorySchema } from "@holdfast/model";
import type { EngineHarness } from "./engine-harness.ts";

/** What an inventory says of an endpoint, in plain text; what is left out is as the book has it, active in a living sandbox. */
type Plain = { readonly [K in keyof InventoryEndpoint]?: unknown };

type Controller = Pick<EngineHarness, "engine" | "clock" | "node">;

/** A node whose agent tells inventories, as a test wants them. */
export class ReportingNode {
  readonly name: Name;
  /** By id: what it has. */
  readonly endpoints = new Map<string, Plain>();
  awaited: string[] = [];
  strays: { readonly endpoint: string; readonly interface: string }[] = [];
  runtimes = [{ name: "docker", isReached: true }];
  run = "run-1";
  /** Whether it answers when it is asked. */
  answers = true;
  /** How often it was asked. */
  asked = 0;
  /** Runs before it answers. */
  whenAsked: (time: number) => void = () => undefined;
  /** Endpoints that it was told to take off the wire. */
  readonly toldGone: string[] = [];
  readonly #harness: Controller;
  readonly #feed = new PassThrough();

  private constructor(harness: Controller, name: string) {
    this.#harness = harness;
    this.name = Name.parse(name);
  }

  /** Registers it, and tells its first inventory of itself unless it is an `old` agent. */
  static async start(harness: Controller, name: string, { old = false } = {}): Promise<ReportingNode> {
    const node = new ReportingNode(harness, name);
    await harness.node(name);
    const { feeds } = harness.engine.nouns;
    let rest = "";
    node.#feed.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) node.#hear(JSON.parse(line) as NodeFeedMessage);
    });
    feeds.open(node.name, node.#feed);
    if (!old) node.tell(harness.engine.platform.state.revision);
    return node;
  }

  /** It has this endpoint, as the book has it but for what is said. */
  has(id: string, rest: Plain = {}): void {
    this.endpoints.set(id, rest);
  }

  tell(revision: number): void {
    const { run, awaited, strays, runtimes } = this;
    const endpoints = [...this.endpoints].map(([id, rest]) => this.#entry(id, rest));
    const inventory = nodeInventorySchema.parse({ run, revision, endpoints, awaited, strays, runtimes });
    this.#harness.engine.nouns.inventories.take(this.name, inventory);
  }

  /** Its machine is off, or its link is cut. */
  async disconnect(): Promise<void> {
    this.#feed.destroy();
    await once(this.#feed, "close");
  }

  #hear(message: NodeFeedMessage): void {
    if (message.kind === "endpoint-gone") this.toldGone.push(message.id);
    if (message.kind !== "inventory-wanted") return;
    this.whenAsked(++this.asked);
    if (this.answers) this.tell(message.revision);
  }

  #entry(id: string, rest: Plain): unknown {
    const { engine, clock } = this.#harness;
    const { tenant, network, identity, epoch, addresses, mac, workload } =
      engine.platform.state.endpoints.get(id) ?? {};
    const machine = { phase: "active", link: "up", sandbox: "inhabited", runtime: "listed" };
    const book = { tenant, network, identity, epoch, addresses, mac, workload, ephemeral: false };
    return { id, ...book, ...machine, since: new Date(clock.now().getTime() - 1).toISOString(), ...rest };
  }
}
