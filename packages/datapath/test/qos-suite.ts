import type { EndpointQos } from "@holdfast/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DatapathDriver, EndpointWiring } from "../src/driver.ts";
import { wiring } from "../src/testing/parties.ts";
import type { Sandbox } from "./fabric.ts";
import { Probe, type ProbeReport, Traffic, type Transfer, tcpTransfer } from "./traffic.ts";

/** A machine with a driver that knows the network `n7`, 10.20.0.0/24. */
export interface QosEnvironment extends AsyncDisposable {
  readonly driver: DatapathDriver;
  /** As a restarted agent does; ends when the new one is in step. */
  restart(endpoints: readonly EndpointWiring[]): Promise<void>;
  /** Puts an attached endpoint's interface into a sandbox, as a runtime does. */
  plug(endpoint: EndpointWiring): Promise<Sandbox>;
  /** In the machine's namespace. */
  exec(program: string, ...args: string[]): Promise<string>;
  /** What else than rules and queues is there for QoS. */
  traces?(): Promise<string>;
}

const FAST = 40e6;
const SLOW = 10e6;
const limit = (rate: number) => ({ rate, burst: 65_536 });
/** Frames are longer than what they carry. */
const FRAME = 1514 / 1448;

/** What every data path does with QoS of endpoints. */
export function qosSuite(name: string, start: () => Promise<QosEnvironment>): void {
  describe(`${name}: QoS`, () => {
    let machine: QosEnvironment;
    const [ofA, ofB] = [
      ["10.20.0.5", "fd00:20::5"],
      ["10.20.0.6", "fd00:20::6"],
    ] as const;
    let [a, b]: [EndpointWiring, EndpointWiring] = [wiring("a", "n7", ofA), wiring("b", "n7", ofB)];
    let sandboxes: { readonly a: Sandbox; readonly b: Sandbox };
    const signal = () => AbortSignal.timeout(10_000);

    const place = async (qos: EndpointQos | undefined): Promise<void> => {
      a = wiring("a", "n7", ofA, qos === undefined ? {} : { qos });
      b = wiring("b", "n7", ofB);
      sandboxes = { a: await machine.plug(a), b: await machine.plug(b) };
    };
    const change = async (qos: EndpointQos | undefined): Promise<void> => {
      a = wiring("a", "n7", ofA, qos === undefined ? {} : { qos });
      await machine.driver.attach(a, signal());
    };
    /** Bits per second, of frames. */
    const speed = async (from: "a" | "b", bytes: number): Promise<number> => {
      const to = from === "a" ? "b" : "a";
      const begun = performance.now();
      const target = { path: sandboxes[to].path, address: to === "a" ? "10.20.0.5" : "10.20.0.6" };
      expect((await tcpTransfer(sandboxes[from].path, target, bytes)).right).toBe(true);
      return (bytes * 8 * FRAME) / ((performance.now() - begun) / 1000);
    };
    const probed = async (during: () => Promise<void>): Promise<ProbeReport> => {
      await using probe = await Probe.start(sandboxes.b.path, { path: sandboxes.a.path, address: "10.20.0.5" });
      await during();
      return await probe.finish();
    };
    /** Rules and queues of QoS, as an operator sees them. */
    const traces = async (): Promise<string> => {
      const rules = await machine.exec("nft", "-s", "list", "ruleset");
      const tables = rules.match(/^table \S+ holdfast_qos_[\s\S]*?^}/gm) ?? [];
      const queues = (await machine.exec("tc", "qdisc", "show")).split("\n").filter((line) => line.includes(" 4846: "));
      const others = (await machine.traces?.()) ?? "";
      return [...tables, ...queues, others].join("\n").replaceAll(/refcnt \d+ /g, "");
    };

    beforeEach(async () => {
      machine = await start();
    });
    afterEach(async () => {
      for (const sandbox of Object.values(sandboxes)) await sandbox[Symbol.asyncDispose]();
      await machine[Symbol.asyncDispose]();
    });

    test("keeps what an endpoint sends to its rate, and nothing else", async () => {
      await place({ egress: limit(FAST) });
      const sent = await speed("a", 10_000_000);
      expect(sent).toBeLessThan(FAST * 1.1);
      expect(sent).toBeGreaterThan(FAST * 0.7);
      expect(await speed("b", 20_000_000)).toBeGreaterThan(FAST * 2);
    }, 60_000);

    test("keeps what reaches an endpoint to its rate, and nothing else", async () => {
      await place({ ingress: limit(FAST) });
      const received = await speed("b", 5_000_000);
      expect(received).toBeLessThan(FAST * 1.1);
      expect(received).toBeGreaterThan(FAST * 0.7);
      expect(await speed("a", 20_000_000)).toBeGreaterThan(FAST * 2);
    }, 60_000);

    test("keeps what reaches an endpoint to its rate, also when it comes from one with a rate of its own", async () => {
      await place({ egress: limit(FAST) });
      b = wiring("b", "n7", ofB, { qos: { ingress: limit(SLOW) } });
      await machine.driver.attach(b, signal());
      expect(await speed("a", 4_000_000)).toBeLessThan(SLOW * 1.2);
    }, 60_000);

    test("loses no packet while limits come, change and go", async () => {
      await place(undefined);
      const both = (rate: number) => ({ ingress: limit(rate), egress: limit(rate) });
      const packets = { packets: 10_000 };
      const others = [{ egress: limit(SLOW) }, { dscp: 46 }, { ingress: packets }, { egress: packets }];
      const many = [{ egress: { ...limit(FAST), ...packets } }, { egress: limit(FAST), dscp: 10 }, { egress: packets }];
      const counts = [{ connections: 20 }, { connections: 10 }, { connections: 30, egress: packets }];
      const report = await probed(async () => {
        for (const qos of [both(FAST), both(SLOW), both(FAST), ...others, ...many, ...counts, undefined]) {
          await change(qos);
        }
      });
      expect(report.lost).toBe(0);
      await expect.poll(traces, { timeout: 5000 }).not.toMatch(/\S/);
    }, 60_000);

    test("has the new rate at once on a running endpoint", async () => {
      await place({ ingress: limit(FAST), egress: limit(FAST) });
      await change({ ingress: limit(SLOW), egress: limit(SLOW) });
      expect(await speed("b", 2_000_000)).toBeLessThan(SLOW * 1.2);
      expect(await speed("a", 4_000_000)).toBeLessThan(SLOW * 1.2);
      await change(undefined);
      expect(await speed("b", 20_000_000)).toBeGreaterThan(FAST * 2);
      expect(await speed("a", 20_000_000)).toBeGreaterThan(FAST * 2);
    }, 60_000);

    test("touches nothing that is right when its agent is restarted, and loses nothing", async () => {
      await place({ ingress: limit(FAST), egress: { ...limit(FAST), packets: 10_000 }, dscp: 10, connections: 50 });
      const before = await traces();
      const report = await probed(() => machine.restart([a, b]));
      expect(report.lost).toBe(0);
      expect(await traces()).toBe(before);
    }, 60_000);

    test("goes with its endpoint, also with one that was detached while no agent ran", async () => {
      const qos = { ingress: limit(FAST), egress: limit(FAST), dscp: 10, connections: 50 };
      await place(qos);
      await machine.restart([b]);
      expect(await traces()).not.toMatch(/\S/);
      await machine.driver.attach({ ...b, qos }, signal());
      expect(await traces()).toMatch(/tbf/);
      await machine.driver.detach("b", signal());
      await expect.poll(traces, { timeout: 5000 }).not.toMatch(/\S/);
    }, 60_000);

    test("is refused by nothing twice, and comes back when somebody takes its queue away", async () => {
      await place({ ingress: limit(FAST) });
      await change({ ingress: limit(FAST) });
      const queue = /dev (\S+i) /.exec((await traces()).match(/^qdisc tbf.*$/m)?.[0] ?? "")?.[1] ?? "";
      await machine.exec("ip", "link", "delete", queue);
      await expect.poll(() => sandboxes.b.ping("10.20.0.5"), { timeout: 5000 }).toBe(2);
      expect(await traces()).toMatch(new RegExp(`^qdisc tbf 4846: dev ${queue} root`, "m"));
    }, 60_000);

    test("comes back when somebody flushes all rules", async () => {
      await place({ ingress: limit(FAST) });
      const before = await traces();
      await machine.exec("nft", "flush", "ruleset");
      await expect.poll(traces, { timeout: 5000 }).toBe(before);
    }, 60_000);

    test("marks what an endpoint sends, of both families' headers", async () => {
      await place({ dscp: 46 });
      const seen = async (family: string) => {
        const text = await sandboxes.b.exec("nft", "list table inet seen");
        return Number(new RegExp(`^\\s*${family} dscp ef counter packets (\\d+)`, "m").exec(text)?.[1] ?? -1);
      };
      await sandboxes.b.exec(
        "nft",
        "add table inet seen; add chain inet seen in { type filter hook input priority 0; }",
      );
      await sandboxes.b.exec(
        "nft",
        "add rule inet seen in ip dscp ef counter; add rule inet seen in ip6 dscp ef counter",
      );
      expect(await sandboxes.a.ping("10.20.0.6", 3)).toBe(3);
      expect(await seen("ip")).toBe(3);
      await expect.poll(() => sandboxes.a.ping("fd00:20::6", 1), { timeout: 5000 }).toBe(1);
      expect(await seen("ip6")).toBeGreaterThan(0);
      await change({ dscp: 0 });
      expect(await sandboxes.a.ping("10.20.0.6", 3)).toBe(3);
      expect(await seen("ip")).toBe(3);
    }, 60_000);

    test("drops packets above their rate, in each direction", async () => {
      await place(undefined);
      // They know each other's MAC by then: whose question for it is among what is dropped asks again after a second.
      expect(await sandboxes.a.ping("10.20.0.6")).toBe(2);
      await change({ ingress: { packets: 100 }, egress: { packets: 100 } });
      const report = await probed(() => new Promise((resolve) => setTimeout(resolve, 1000)));
      expect(report.lost / report.sent).toBeGreaterThan(0.5);
      expect(report.lost).toBeLessThan(report.sent);
    }, 60_000);

    test("lets an endpoint have as many connections as it may", async () => {
      await place({ connections: 2 });
      await sandboxes.a.exec("ping", "-n", "-q", "-c", "1", "-W", "1", "10.20.0.6");
      await sandboxes.a.exec("ping", "-n", "-q", "-c", "1", "-W", "1", "10.20.0.6");
      expect(await sandboxes.a.ping("10.20.0.6", 1)).toBe(0);
      expect(await sandboxes.b.ping("10.20.0.5", 1)).toBe(0);
      // Answers of a ping that is not remembered go nowhere in any case; nothing answers these.
      await sandboxes.a.exec(
        "nft",
        "add table inet seen; add chain inet seen in { type filter hook input priority 0; }",
      );
      await sandboxes.a.exec("nft", "add rule inet seen in udp dport 999 counter");
      const tell = async (): Promise<string | undefined> => {
        await sandboxes.b.exec("bash", "-c", "echo > /dev/udp/10.20.0.5/999");
        return /counter packets (\d+)/.exec(await sandboxes.a.exec("nft", "list table inet seen"))?.[1];
      };
      expect([await tell(), await tell(), await tell()]).toEqual(["0", "0", "0"]);
      await change({ connections: 10 });
      await expect.poll(tell).not.toBe("0");
      expect(await sandboxes.a.ping("10.20.0.6", 1)).toBe(1);
      expect(await sandboxes.b.ping("10.20.0.5", 1)).toBe(1);
      await change(undefined);
      await expect.poll(traces, { timeout: 5000 }).not.toMatch(/\S/);
    }, 60_000);

    test("a connection goes on while their number is limited, changed and free again", async () => {
      await place(undefined);
      await using server = Traffic.start(sandboxes.b.path, "tcp-serve", "10.20.0.6", 7100);
      await server.next();
      await using stream = Traffic.start(sandboxes.a.path, "tcp-stream", "10.20.0.6", 7100);
      const established = /^\s*\d+: \S+ \S+ 01 /m;
      await expect.poll(() => sandboxes.b.exec("cat", "/proc/net/tcp"), { timeout: 5000 }).toMatch(established);
      const received = async () => {
        const links = await sandboxes.b.exec("cat", "/proc/net/dev");
        return [...links.matchAll(/: *(\d+)/g)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
      };
      for (const connections of [20, 10, 30]) {
        await change({ connections });
        const before = await received();
        await expect.poll(received, { timeout: 2000 }).toBeGreaterThan(before + 1_000_000);
      }
      await machine.restart([a, b]);
      await change(undefined);
      const before = await received();
      await expect.poll(received, { timeout: 2000 }).toBeGreaterThan(before + 1_000_000);
      expect((await stream.finish<Transfer>()).right).toBe(true);
    }, 60_000);
  });
}
