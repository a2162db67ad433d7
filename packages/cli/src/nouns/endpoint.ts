import { listAll } from "@holdfast/client";
import { type Endpoint, type Phase, phaseSchema, routes } from "@holdfast/model";
import { type CommandDefinition, text } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { formatDetails, formatTable } from "../output/table.ts";
import { ageText } from "../output/words.ts";

function details(endpoint: Endpoint): string {
  const head = formatDetails([
    ["id", endpoint.id],
    ["identity", endpoint.identity],
    ["network", `${endpoint.tenant}/${endpoint.network}`],
    ["address", endpoint.addresses.join(", ")],
    ["MAC", endpoint.mac],
    ["node", endpoint.node],
    ["epoch", String(endpoint.epoch)],
    ["phase", endpoint.phase],
    ["container", endpoint.workload.container ?? ""],
  ]);
  const history = formatTable(
    [
      { title: "AT", text: ({ at }) => at },
      { title: "PHASE", text: ({ phase }) => phase },
      { title: "BY", text: ({ actor }) => actor },
      { title: "REASON", text: ({ reason }) => reason ?? "" },
    ],
    endpoint.history,
  );
  return `${head}\n${history}`;
}

export const endpointCommands: readonly CommandDefinition[] = [
  {
    name: "list",
    aliases: ["ls"],
    summary: "List endpoints, all or as filtered.",
    options: [
      ["-n, --network <name>", "Only of this network.", "network"],
      ["--node <name>", "Only on this node.", "node"],
      ["--phase <phase>", "Only in this phase, e.g. active or failed.", phaseSchema.options],
    ],
    examples: ["endpoint list", "endpoint list --node h1 --phase failed"],
    async run(context, _, options) {
      const { io, client, call, output } = context;
      const query = {
        tenant: context.namedTenant,
        network: text(options, "network"),
        node: text(options, "node"),
        phase: text(options, "phase") as Phase | undefined,
      };
      const items = await Array.fromAsync(listAll(client, routes.listEndpoints, { query }, call));
      printList(io, output, items, {
        empty: "no endpoints match; one appears for each container on a Holdfast network",
        columns: [
          { title: "ID", text: (endpoint) => endpoint.id },
          { title: "NETWORK", text: (endpoint) => `${endpoint.tenant}/${endpoint.network}` },
          { title: "IDENTITY", text: (endpoint) => endpoint.identity },
          { title: "ADDRESS", text: (endpoint) => endpoint.addresses.join(",") },
          { title: "NODE", text: (endpoint) => endpoint.node },
          { title: "PHASE", text: (endpoint) => endpoint.phase },
          { title: "AGE", text: (endpoint) => ageText(endpoint.createdAt, io.now()) },
        ],
      });
    },
  },
  {
    name: "get",
    aliases: ["show"],
    summary: "Show one endpoint with its history.",
    args: [["<id>", "Id of the endpoint.", "endpoint"]],
    examples: ["endpoint get e-0123456789abcdef"],
    async run(context, [endpoint = ""]) {
      const found = await context.client.call(routes.getEndpoint, { params: { endpoint } }, context.call);
      printObject(context.io, context.output, found, details(found));
    },
  },
  {
    name: "delete",
    aliases: ["rm"],
    summary: "Cut an endpoint off: its node takes it down, its claim is free to be bound.",
    args: [["<id>", "Id of the endpoint.", "endpoint"]],
    examples: ["endpoint delete e-0123456789abcdef"],
    async run(context, [endpoint = ""]) {
      await context.client.call(routes.deleteEndpoint, { params: { endpoint } }, context.call);
      context.io.out(`endpoint ${endpoint} cut off\n`);
    },
  },
];
