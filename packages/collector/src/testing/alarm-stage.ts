import { Name } from "@holdfast/core";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import {
  type FlowAlarmState,
  type FlowExporter,
  type NewFlowAlarm,
  type NewFlowAlarmInput,
  newFlowAlarmSchema,
} from "@holdfast/model";
import { openMemoryStore, type Store } from "@holdfast/store";
import { type Alarms, openAlarms } from "../alarms/alarms.ts";
import type { AlarmName } from "../alarms/kept.ts";
import type { SendMessage } from "../alarms/messenger.ts";
import type { DroppingIdentity } from "../counters/port-counters.ts";
import type { HeardDrops } from "../drops/follow-drops.ts";
import type { FlowStore } from "../store/store.ts";
import type { EndpointEnd, WindowRow } from "../windows/traffic.ts";
import { container, outside, TEN_O_CLOCK, traffic, windowOf } from "./made-traffic.ts";
import { createMemoryStore } from "./memory-store.ts";

export const redis = container("shop/web/redis-0", "10.20.0.7");
export const api = container("shop/web/api-1", "10.20.0.8");
export const teller = container("bank/web/teller-0", "10.20.0.7");
export const office = outside("192.0.2.5", "office");

export const platform = (name: string): AlarmName => ({ name: Name.parse(name) });
export const ofTenant = (tenant: string, name: string): AlarmName => ({
  name: Name.parse(name),
  tenant: Name.parse(tenant),
});
export const spec = (alarm: NewFlowAlarmInput): NewFlowAlarm => newFlowAlarmSchema.parse(alarm);

/** Raised at 100 Mbit/s of any identity, cleared below 80. */
export const busy = {
  on: { kind: "rate", by: "identity" },
  over: "10s",
  raise: { at: "100Mbit" },
  clear: { at: "80Mbit" },
} as const satisfies NewFlowAlarmInput;

/** What comes of one container in a window of 10 s at so many Mbit/s. */
export function mbit(source: EndpointEnd, rate: number): WindowRow {
  return traffic(source, office, { bytes: (rate * 1e6 * 10) / 8, samples: 100 });
}

/** Alarms over a store in memory, by a clock that tests move. What is put in it may be replaced before the next {@link AlarmStage.open}. */
export interface AlarmStage extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly logger: RecordingLogger;
  readonly flows: FlowStore;
  book: Store;
  alarms: Alarms;
  exporters: readonly FlowExporter[];
  drops: readonly DroppingIdentity[];
  /** Undefined: there is no controller. By default one is heard all the time. */
  heardDrops: (() => HeardDrops | undefined) | undefined;
  /** Start of the next window. */
  start: number;
  /** Whether the store fails to take windows. */
  loses: boolean;
  /** What webhooks answer. */
  answer: () => Promise<number>;
  readonly sent: readonly {
    readonly url: string;
    readonly tenant: Name | undefined;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  }[];
  /** Opens alarms anew, as after a restart. */
  open(): Promise<void>;
  /** Ends what {@link AlarmStage.open} began. */
  close(): Promise<void>;
  /** One window of 10 s after the other. */
  windows(...each: readonly (readonly WindowRow[])[]): Promise<void>;
  /** Moves the clock, second by second. */
  pass(milliseconds: number, steps?: number): Promise<void>;
  /** The newest first. */
  events(): readonly (readonly unknown[])[];
  state(name: string): FlowAlarmState;
}

export async function startAlarmStage(): Promise<AlarmStage> {
  const clock = new ManualClock(new Date(TEN_O_CLOCK));
  const logger = new RecordingLogger();
  const sent: { url: string; tenant: Name | undefined; headers: Readonly<Record<string, string>>; body: string }[] = [];
  let names = 0;
  let running: AsyncDisposableStack | undefined;
  const send: SendMessage = (url, { tenant, headers, body }) => {
    sent.push({ url, tenant, headers, body });
    return stage.answer();
  };

  async function settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  const stage: AlarmStage = {
    clock,
    logger,
    flows: createMemoryStore(),
    book: openMemoryStore({ clock }),
    alarms: undefined as unknown as Alarms,
    exporters: [],
    drops: [],
    heardDrops: () => ({ since: 0, until: clock.now().getTime() }),
    start: TEN_O_CLOCK,
    loses: false,
    answer: () => Promise.resolve(200),
    sent,
    async open() {
      const nonce = () => `n${++names}`;
      const { flows, book } = stage;
      const exporters = () => stage.exporters;
      const drops = () => stage.drops;
      const heardDrops = stage.heardDrops && (() => stage.heardDrops?.());
      const opened = await openAlarms({
        book,
        store: flows,
        exporters,
        drops,
        heardDrops,
        send,
        whyRefused: (host) => (host === "127.0.0.1" ? "a loopback address" : undefined),
        clock,
        logger,
        random: () => 0,
        nonce,
      });
      const ending = new AbortController();
      const run = opened.run(ending.signal);
      running = new AsyncDisposableStack();
      running.defer(async () => {
        ending.abort();
        await run;
        await opened.stop();
      });
      stage.alarms = opened;
    },
    close: async () => running?.disposeAsync(),
    async windows(...each) {
      for (const rows of each) {
        const window = windowOf(stage.start, rows);
        const kept = stage.loses ? Promise.reject(new Error("disk full")) : stage.flows.take(window);
        stage.alarms.follow(window, kept);
        await kept.catch(() => undefined);
        stage.start += 10_000;
        clock.advance(10_000);
        await settle();
      }
    },
    async pass(milliseconds, steps = 1) {
      for (let count = 0; count < steps; count++) {
        clock.advance(milliseconds);
        await settle();
      }
    },
    events: () => stage.alarms.history({ limit: 100 }).items.map(({ event, key, value }) => [event, key, value]),
    state: (name) => stage.alarms.get(platform(name)).state,
    [Symbol.asyncDispose]: () => stage.close(),
  };
  await stage.open();
  return stage;
}
