import { z } from "zod";
import { addressField, nameField, timeField } from "./fields.ts";

const count = z.int().min(0);
const perSecond = z.number().min(0);
const byName = z.record(z.string(), count);

/** What a collector knows of one exporter of sFlow since it first heard of it. */
export const flowExporterSchema = z
  .strictObject({
    /** Address by which the exporter calls itself; its datagrams may come from another one. */
    agent: addressField,
    subAgent: count,
    /** Absent: no node has that address. */
    node: nameField.optional(),
    /** Datagrams. */
    received: count,
    /** That are missing by the exporter's own count: lost in the network, or not taken in time. */
    lost: count,
    restarts: count,
    /** Flow samples that are missing by its count. */
    samplesLost: count,
    /** Packets that one sample stands for, of each rate that its sources state. */
    samplingRates: z.array(z.number().min(0)).max(16),
    /** End of the last window in which anything came of it. */
    heardAt: timeField,
    /** Whether anything came of it in the last minute. */
    state: z.enum(["heard", "silent"]),
  })
  .meta({ id: "FlowExporter" });
export type FlowExporter = z.output<typeof flowExporterSchema>;

/** Traffic that is counted, and the part of it that has no name. */
export const attributionShareSchema = z
  .strictObject({
    /** Bytes, estimated. */
    bytes: z.number().min(0),
    /** Of them, those of which an end inside is nobody's, or no end is inside. */
    unattributedBytes: z.number().min(0),
    /** Of them, those with an end outside that no named prefix holds. */
    unnamedOutsideBytes: z.number().min(0),
    /** 0 to 100. Absent: there was no traffic. */
    unattributedPercent: z.number().min(0).max(100).optional(),
  })
  .meta({ id: "AttributionShare" });
export type AttributionShare = z.output<typeof attributionShareSchema>;

const redisStateSchema = z.strictObject({
  state: z.enum(["connected", "away"]),
  since: timeField,
  /** What went wrong last. Absent: nothing. */
  error: z.string().optional(),
});

/** How the way through a stream of Redis does, of the parts that are in this process; counts are since the start. */
export const flowStreamSchema = z
  .strictObject({
    /** In Redis. */
    key: z.string().max(200),
    /** Absent: another process takes sFlow. */
    receiver: z
      .strictObject({
        redis: redisStateSchema,
        /** Datagrams that Redis has taken. */
        sent: count,
        /** Datagrams that wait for Redis in memory. */
        waiting: count,
        /** Datagrams given up because there was no more memory. */
        dropped: count,
        /** In the stream, read ones included. */
        entries: count,
        /** Of Redis' memory. */
        bytes: count,
      })
      .optional(),
    /** Absent: another process reads the stream. */
    worker: z
      .strictObject({
        redis: redisStateSchema,
        /** `standby`: another worker reads the stream. */
        state: z.enum(["starting", "standby", "reading"]),
        /** Who reads the stream, on standby. */
        holder: z.string().optional(),
        /** Datagrams that a receiver took and that never came: trimmed unread, lost with Redis, or dropped by the receiver. */
        lost: count,
        /** Datagrams that came once more, and were counted once. */
        repeated: count,
        /** Entries that were not read: no receiver's, or trimmed after they were given to a worker. */
        foreign: count,
        /** Windows that the store has not taken yet. */
        unkeptWindows: count,
        /** How far behind the newest datagram it reads; 0: in step. */
        behindSeconds: z.number().min(0),
        /** Why the store does not take the window that waits. Absent: it does. */
        storeError: z.string().optional(),
      })
      .optional(),
  })
  .meta({ id: "FlowStream" });
export type FlowStream = z.output<typeof flowStreamSchema>;

/** How it goes with the list of Redis that others take flows from; counts are documents since the start. */
export const flowListSchema = z
  .strictObject({
    /** In Redis. */
    key: z.string().max(200),
    content: z.enum(["windows", "samples"]),
    pushed: count,
    /** That nobody took before there was no more room, or that Redis did not take. */
    dropped: count,
    /** Windows that wait for Redis. */
    waitingWindows: count,
    /** Why Redis does not take them. Absent: it does. */
    error: z.string().optional(),
  })
  .meta({ id: "FlowList" });
export type FlowListStatus = z.output<typeof flowListSchema>;

/** How a collector does: what comes in, what is lost where, and how much has a name. */
export const flowStatusSchema = z
  .strictObject({
    startedAt: timeField,
    /** The last window that is over. Absent: none is, yet. */
    window: z
      .strictObject({
        start: timeField,
        seconds: z.number().min(0),
        datagramsPerSecond: perSecond,
        samplesPerSecond: perSecond,
        /** Different kinds of traffic. */
        rows: count,
        share: attributionShareSchema,
      })
      .optional(),
    /** Since the start. */
    taken: z.strictObject({
      datagrams: count,
      bytes: count,
      samples: count,
      /** Packets that exporters told were dropped, which are no traffic. */
      discards: count,
    }),
    /** Since the start: what is in no window, or in the wrong one, and why. */
    lost: z.strictObject({
      /** Datagrams that the kernel dropped because nobody took them in time. */
      kernel: count,
      /** Datagrams that never came, by the count of their exporters; some of them the kernel dropped. */
      missing: count,
      /** Flow samples beyond what is told apart: rows, exporters or sources. */
      leftOut: count,
      /** Datagrams that were read before news of addresses had settled, because there was no memory to hold them. */
      early: count,
      /** Datagrams that were lost between a receiver and the worker of its stream. Absent: there is no stream. */
      stream: count.optional(),
      /** Rows that the store did not take. */
      store: count,
      /** Why the store did not take the last ones that it did not. */
      storeError: z.string().optional(),
    }),
    /** What was refused since the start, by reason; reasons that there are none of are left out. */
    refused: byName,
    /** Formats that are not known and were skipped, since the start. */
    unknownFormats: count,
    /** Since the start. */
    share: attributionShareSchema,
    inventory: z.strictObject({
      /** `behind`: the controller is not reached; names are as they were last known. `off`: nobody said which controller. */
      state: z.enum(["loading", "in-step", "behind", "off"]),
      /** Since when. */
      since: timeField,
      endpoints: count,
      nodes: count,
      /** Why the controller is not reached. */
      error: z.string().optional(),
    }),
    /** Absent: datagrams go through memory. */
    stream: flowStreamSchema.optional(),
    /** Absent: flows are put into no list. */
    list: flowListSchema.optional(),
    store: z.strictObject({
      kind: z.string().max(32),
      /** What it keeps, and what it does not. */
      description: z.string().max(300),
    }),
    /** The first thousand. */
    exporters: z.array(flowExporterSchema).max(1000),
    exporterCount: count,
  })
  .meta({ id: "FlowStatus" });
export type FlowStatus = z.output<typeof flowStatusSchema>;
