import { noSuchLink } from "../checks.ts";
import { KernelError } from "../kernel-error.ts";
import { Errno } from "../libc.ts";
import type {
  ClassId,
  IfbOptions,
  IngressRedirect,
  Qdisc,
  TrafficClass,
  TrafficControl,
} from "../traffic/traffic-control.ts";
import type { FakeKernel } from "./fake-kernel.ts";

/** Queueing disciplines in memory, on the links of a fake kernel. `String(traffic)` is what an operator would type to get them. */
export class FakeTraffic implements TrafficControl {
  readonly #kernel: FakeKernel;
  readonly #kinds: ReadonlySet<Qdisc["kind"]>;
  /** By link and handle. */
  readonly #qdiscs = new Map<string, Qdisc>();
  readonly #classes = new Map<string, TrafficClass>();
  /** Targets by link. */
  readonly #redirects = new Map<string, string>();
  /** How often something was written. */
  writes = 0;

  constructor(kernel: FakeKernel, kinds: readonly Qdisc["kind"][] = ["tbf", "htb", "bfifo", "fq_codel"]) {
    this.#kernel = kernel;
    this.#kinds = new Set(kinds);
  }

  createIfb({ name, alias }: IfbOptions): void {
    this.writes++;
    const kind = this.#kernel.kindOf(name);
    if (kind !== undefined && kind !== "ifb") {
      throw new KernelError({ task: `create ifb ${name}`, errno: Errno.EEXIST, explanation: `it is of kind ${kind}` });
    }
    if (kind === undefined) this.#kernel.addLink({ name, kind: "ifb" });
    void this.#kernel.setLink(name, { alias, up: true });
  }

  rootQdisc(link: string): Qdisc | undefined {
    return [...this.#of(this.#qdiscs, link)].find(({ parent }) => parent === undefined);
  }

  setQdisc(qdisc: Qdisc): void {
    const task = `set qdisc ${qdisc.kind} of ${qdisc.link}`;
    if (this.#kernel.kindOf(qdisc.link) === undefined) throw noSuchLink(task);
    if (!this.#kinds.has(qdisc.kind)) throw new KernelError({ task, errno: Errno.ENOENT });
    this.writes++;
    const root = this.rootQdisc(qdisc.link);
    if (qdisc.parent === undefined && root !== undefined && root.handle !== qdisc.handle)
      this.deleteRootQdisc(qdisc.link);
    this.#qdiscs.set(`${qdisc.link} ${qdisc.handle}`, qdisc);
  }

  deleteRootQdisc(link: string): void {
    this.writes++;
    for (const table of [this.#qdiscs, this.#classes]) {
      for (const key of [...table.keys()]) if (key.startsWith(`${link} `)) table.delete(key);
    }
  }

  listClasses(link: string): readonly TrafficClass[] {
    return [...this.#of(this.#classes, link)];
  }

  setClass(trafficClass: TrafficClass): void {
    const { link, id } = trafficClass;
    if (this.#kernel.kindOf(link) === undefined) throw noSuchLink(`set class of ${link}`);
    this.writes++;
    this.#classes.set(classKey(link, id), trafficClass);
  }

  deleteClass(link: string, id: ClassId): void {
    this.writes++;
    this.#classes.delete(classKey(link, id));
  }

  redirectIngress({ from, to }: IngressRedirect): void {
    const task = `redirect what comes in at ${from} to ${to}`;
    for (const link of [from, to]) if (this.#kernel.kindOf(link) === undefined) throw noSuchLink(task);
    if (this.#redirects.get(from) === to) return;
    this.writes++;
    this.#redirects.set(from, to);
  }

  ingressTarget(link: string): string | undefined {
    const to = this.#redirects.get(link) ?? "";
    return [link, to].every((each) => this.#kernel.kindOf(each) !== undefined) ? to : undefined;
  }

  close(): void {}

  toString(): string {
    const qdiscs = [...this.#qdiscs.values()].filter(({ link }) => this.#kernel.kindOf(link) !== undefined);
    const classes = [...this.#classes.values()].filter(({ link }) => this.#kernel.kindOf(link) !== undefined);
    const redirects = [...this.#redirects].filter(([link]) => this.ingressTarget(link) !== undefined);
    return [qdiscs.map(qdiscLine), classes.map(classLine), redirects.map(redirectLine)]
      .flatMap((lines) => lines.toSorted())
      .join("\n");
  }

  *#of<T extends { readonly link: string }>(table: ReadonlyMap<string, T>, link: string): Generator<T, void> {
    if (this.#kernel.kindOf(link) === undefined) return;
    for (const row of table.values()) if (row.link === link) yield row;
  }
}

function qdiscLine(qdisc: Qdisc): string {
  const { link, handle, parent } = qdisc;
  const place = parent === undefined ? "root" : `parent ${idText(parent)}`;
  return `tc qdisc add dev ${link} ${place} handle ${handle.toString(16)}: ${qdisc.kind}${words(qdisc)}`;
}

function words(qdisc: Qdisc): string {
  switch (qdisc.kind) {
    case "tbf":
      return ` rate ${qdisc.rate}bit burst ${qdisc.burst} limit ${qdisc.limit}`;
    case "htb":
      return ` default ${qdisc.defaultMinor.toString(16)}`;
    case "bfifo":
      return ` limit ${qdisc.limit}`;
    case "fq_codel":
      return qdisc.memory === undefined ? "" : ` memory_limit ${qdisc.memory}`;
  }
}

function classLine({ link, id, parent, ...shape }: TrafficClass): string {
  const above = parent === undefined ? `${id.qdisc.toString(16)}:` : idText(parent);
  return `tc class add dev ${link} parent ${above} classid ${idText(id)} htb ${shapeText(shape)}`;
}

function redirectLine([from, to]: readonly [string, string]): string {
  return `tc filter add dev ${from} ingress u32 action mirred ingress redirect dev ${to}`;
}

function shapeText({ rate, ceiling, burst, ceilingBurst }: Omit<TrafficClass, "link" | "id" | "parent">): string {
  return `rate ${rate}bit ceil ${ceiling}bit burst ${burst} cburst ${ceilingBurst}`;
}

function classKey(link: string, id: ClassId): string {
  return `${link} ${idText(id)}`;
}

function idText({ qdisc, minor }: ClassId): string {
  return `${qdisc.toString(16)}:${minor.toString(16)}`;
}
