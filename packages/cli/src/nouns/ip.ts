import { type AddressStory, routes } from "@holdfast/model";
import { type CommandDefinition, text } from "../define-command.ts";
import { machineText } from "../output/print.ts";
import { formatTable } from "../output/table.ts";

function storyText(story: AddressStory): string {
  const head = `${story.address} in ${story.tenant}/${story.network}: ${story.summary}\n`;
  if (story.history.length === 0) return head;
  const history = formatTable(
    [
      { title: "AT", text: ({ at }) => at },
      { title: "EVENT", text: ({ event }) => event },
      { title: "IDENTITY", text: ({ identity }) => identity },
      { title: "NODE", text: ({ node }) => node ?? "" },
      { title: "BY", text: ({ actor }) => actor },
      { title: "REASON", text: ({ reason }) => reason ?? "" },
    ],
    story.history,
  );
  return `${head}\n${history}`;
}

export const ipCommands: readonly CommandDefinition[] = [
  {
    name: "explain",
    summary: "Who has an address, since when, why, and who had it before.",
    args: [["<address>", "The address.", "none"]],
    options: [["-n, --network <name>", "Only in this network.", "network"]],
    examples: ["ip explain 10.20.0.7", "ip explain 10.20.0.7 --tenant blue --network web"],
    async run(context, [address = ""], options) {
      const { client, call, io, output } = context;
      const query = { tenant: context.namedTenant, network: text(options, "network") };
      const { items } = await client.call(routes.explainAddress, { params: { address }, query }, call);
      io.out(output === "table" ? items.map(storyText).join("\n") : machineText(output, { items }));
    },
  },
];
