import { routes } from "@holdfast/model";
import { type CommandDefinition, text } from "../define-command.ts";
import { momentText, parseMoment } from "../moment.ts";
import { machineText } from "../output/print.ts";
import { storyText } from "../output/story.ts";
import { ipImportCommand } from "./ip-import.ts";
import { quarantineCommands } from "./quarantine.ts";
import { verifyCommand } from "./verify.ts";

export const ipCommands: readonly CommandDefinition[] = [
  {
    name: "explain",
    summary: "Who has an address, or had it at a moment: since when, where, why, and who had it before.",
    args: [["<address>", "The address.", "none"]],
    options: [
      ["-n, --network <name>", "Only in this network.", "network"],
      [
        "--at <time>",
        "As of then: RFC 3339, or in this machine's time zone '2026-11-17 14:05', 'yesterday 14:05', 'tuesday 14:05', '2h ago'.",
      ],
    ],
    examples: [
      "ip explain 10.20.0.7",
      "ip explain fd00::7 --tenant blue --network web",
      "ip explain 10.20.0.7 --at 'tuesday 14:05'",
      "ip explain 10.20.0.7 --at '2h ago' -o json",
    ],
    async run(context, [address = ""], options) {
      const { client, call, io, output } = context;
      const words = text(options, "at");
      const at = words === undefined ? undefined : parseMoment(words, io.now());
      const query = { tenant: context.namedTenant, network: text(options, "network"), at: at?.toISOString() };
      const { items } = await client.call(routes.explainAddress, { params: { address }, query }, call);
      if (at !== undefined) io.err(`${words} is ${momentText(at)}\n`);
      const stories = items.map((story) => storyText(story, io.now()));
      io.out(output === "table" ? stories.join("\n") : machineText(output, { items }));
    },
  },
  ...quarantineCommands,
  ipImportCommand,
  verifyCommand,
];
