import { type CommandDefinition, text } from "../define-command.ts";
import { decodeCapture } from "../flows/decode.ts";
import { DEFAULT_COLLECTOR, showFlowStatus } from "../flows/status.ts";

export const flowCommands: readonly CommandDefinition[] = [
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
