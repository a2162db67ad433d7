import { flowDropFields } from "@holdfast/model";
import { type CommandDefinition, type NounDefinition, text } from "../define-command.ts";
import { byOption, countedRangeOptions, filterArgument, measureOption, rangeOptions } from "../flows/ask.ts";
import { showCounters } from "../flows/counters.ts";
import { decodeCapture } from "../flows/decode.ts";
import { showDrops } from "../flows/drops.ts";
import { showSamples, tailFlows } from "../flows/samples.ts";
import { showSeries } from "../flows/series.ts";
import { DEFAULT_COLLECTOR, showFlowStatus } from "../flows/status.ts";
import { showMatrix, showTop } from "../flows/top.ts";
import { alarmCommands } from "./flow-alarms.ts";

const TABLE_FORMATS = ["table", "json", "yaml", "csv"] as const;
const END_FIELDS = ["identity", "group", "tenant", "network", "node", "prefix", "address", "endpoint"] as const;

export const flowCommands: readonly (CommandDefinition | NounDefinition)[] = [
  {
    name: "top",
    summary: "Who has the most traffic, by any fields; estimates, with their error and the share that has no name.",
    args: [filterArgument],
    options: [
      byOption("identity"),
      ...rangeOptions,
      ["--limit <number>", "How many; all others are one. Absent: 10."],
      ["--compare", "Each with what it had in the time before."],
      measureOption,
    ],
    examples: [
      "flows top --by identity --last 15m",
      "flows top --by peer.prefix,direction identity=redis-0",
      "flows top --by service 'network=web not peer.group=monitoring' --compare",
      "flows top --by source.address,destination.address attributed=false",
      "flows top --by identity --last 24h -o csv > top.csv",
    ],
    formats: TABLE_FORMATS,
    run: showTop,
  },
  {
    name: "series",
    summary: "Rates over time, in total or by any fields.",
    args: [filterArgument],
    options: [
      byOption("nothing: the total"),
      ...rangeOptions,
      ["--step <duration>", "Time between two points, e.g. 10s or 5m. Absent: some 60 points."],
      ["--limit <number>", "How many lines; all others are one. Absent: 5."],
      measureOption,
    ],
    examples: [
      "flows series identity=redis-0 --last 1h",
      "flows series --by direction network=web --last 24h",
      "flows series --by group --step 5m --last 6h -o csv",
    ],
    formats: TABLE_FORMATS,
    run: showSeries,
  },
  {
    name: "matrix",
    summary: "Who talks to whom: traffic by source and destination.",
    args: [filterArgument],
    options: [
      byOption("identity", END_FIELDS),
      ...rangeOptions,
      ["--limit <number>", "How many pairs; all others are one. Absent: 100."],
      measureOption,
    ],
    examples: ["flows matrix --by group", "flows matrix --by node --last 1h", "flows matrix tenant=shop -o json"],
    formats: TABLE_FORMATS,
    run: showMatrix,
  },
  {
    name: "samples",
    summary: "Single sampled packets, the newest first; they are kept for minutes.",
    args: [filterArgument],
    options: [
      ...rangeOptions,
      ["--limit <number>", "How many. Absent: 100."],
      ["--verdict", "What policies have made of each, where it is clear and the counters of their rules confirm it."],
    ],
    examples: ["flows samples identity=redis-0", "flows samples identity=db-0 --verdict --last 5m"],
    formats: TABLE_FORMATS,
    run: showSamples,
  },
  {
    name: "tail",
    summary: "Sampled packets as they come, until interrupted; of very many, some are left out.",
    args: [filterArgument],
    examples: ["flows tail", "flows tail identity=redis-0 direction=ingress", "flows tail -o json | jq .source"],
    formats: ["table", "json"],
    run: tailFlows,
  },
  {
    name: "counters",
    summary: "What switches have counted at containers' ports: exact, every packet; with drops and errors.",
    args: [["[identity]", "Name of the workload. Absent: all, and ports that are no container's.", "claim"]],
    options: [
      ["-n, --network <name>", "Only of this network.", "network"],
      ["--node <name>", "Only of this node.", "node"],
      ...countedRangeOptions,
    ],
    examples: ["flows counters", "flows counters redis-0 -n web", "flows counters --node h1 --last 1h -o json"],
    run: (context, [identity], options) => showCounters(context, identity, options),
  },
  {
    name: "drops",
    summary: "What rules of policies, and guards against spoofing, have dropped: exact, every packet.",
    args: [["[policy]", "Only of this policy. Absent: all, and guards.", "policy"]],
    options: [
      [
        "--by <fields>",
        `What to tell apart, with commas between: ${flowDropFields.join(", ")}. Absent: rule.`,
        flowDropFields,
      ],
      ...rangeOptions,
      ["--node <name>", "Only of this node.", "node"],
      ["--limit <number>", "How many; all others are one. Absent: 20."],
      ["--step <duration>", "With rates over time, a point for each; in json and yaml."],
    ],
    examples: [
      "flows drops",
      "flows drops db --last 1h",
      "flows drops --by policy,node",
      "flows drops --step 1m -o json",
    ],
    run: (context, [policy], options) => showDrops(context, policy, options),
  },
  { name: "alarms", summary: "What to be told of traffic, and what alarms did.", commands: alarmCommands },
  {
    name: "status",
    summary: "Show how a collector does: what comes in, what is lost, and the share without a name.",
    options: [["--collector <url>", `A collector. Also HOLDFAST_COLLECTOR. Absent: ${DEFAULT_COLLECTOR}.`]],
    examples: ["flows status", "flows status --collector http://10.0.0.5:4655 -o json"],
    run: (context, _, options) => showFlowStatus(context, text(options, "collector")),
  },
  {
    name: "decode",
    summary:
      "Print what the sFlow datagrams of a capture say, a line of JSON each; needs no controller. A summary goes to standard error.",
    args: [["<file>", "pcap or pcapng, e.g. of tcpdump -w; - reads standard input.", "file"]],
    options: [["--port <number>", "The UDP port that the datagrams were sent to. Absent: 6343."]],
    examples: [
      "flows decode sflow.pcap",
      "flows decode sflow.pcap -o table",
      "flows decode sflow.pcap | jq '.samples[] | select(.kind == \"discard\")'",
      "flows decode - < sflow.pcap",
    ],
    formats: ["json", "jsonl", "table"],
    run: (context, [file = ""], options) => decodeCapture(context, file, text(options, "port")),
  },
];
