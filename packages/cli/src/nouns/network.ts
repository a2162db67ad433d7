import { listAll } from "@holdfast/client";
import { HoldfastError, parseDuration } from "@holdfast/core";
import { type Network, type NetworkUsage, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandDefinition, type CommandOptions, flag, text, texts } from "../define-command.ts";
import { printList, printObject } from "../output/print.ts";
import { type Column, formatDetails, formatTable } from "../output/table.ts";
import { ageText, labelText, subnetText, usageColumns } from "../output/words.ts";
import { conflictProbeOf, conflictProbeText, probeOptions } from "./conflict-probe.ts";
import { labelChange, parseLabels } from "./labels.ts";
import { networkBlockCommands, nodeBlocksOf } from "./node-blocks.ts";
import { policyDefaultOption, policyDefaultsOf, policyDefaultsText } from "./policy-defaults.ts";
import { networkRetentionOf, networkRetentionOption, networkRetentionText } from "./retention.ts";
import { parseSubnet } from "./subnet-text.ts";

const SUBNET_HELP = "CIDR with ,gateway=A|none ,range=A-B  ,exclude=A[-B] ,group=NAME:A-B; may be repeated.";

function details({ io }: Context, network: Network): string {
  return formatDetails([
    ["name", network.name],
    ["tenant", network.tenant],
    ["kind", network.kind],
    ...segmentDetails(network),
    ...network.subnets.map(
      ({ prefix, gateway }) => ["subnet", gateway === undefined ? prefix : `${prefix} gateway ${gateway}`] as const,
    ),
    ["MTU", `${network.mtu} bytes`],
    ...(network.kind === "routed" ? [["masquerade", network.masquerade === true ? "yes" : "no"] as const] : []),
    ["docker network", network.docker ? "on every node" : "no"],
    ["cool-down", `${network.cooldownSeconds} s`],
    ["node blocks", network.nodeBlocks === undefined ? "no" : `of ${network.nodeBlocks.size} addresses`],
    ["conflict probe", conflictProbeText(network)],
    ["policy default", policyDefaultsText(network.policyDefaults, "as the tenant says")],
    ["retention", networkRetentionText(network)],
    ["labels", labelText(network.labels)],
    ["age", ageText(network.createdAt, io.now())],
  ]);
}

function segmentDetails({ kind, segment }: Network): (readonly [string, string])[] {
  return segment === undefined ? [] : [[kind === "vlan" ? "VLAN" : "VNI", String(segment)]];
}

/** What is not given, is not sent. */
function masqueradeOf(options: CommandOptions): { masquerade?: boolean } {
  const masquerade = flag(options, "masquerade");
  return masquerade === undefined ? {} : { masquerade };
}

function segmentOf(options: CommandOptions): { segment?: number } {
  const kind = text(options, "kind");
  if (kind === "routed") {
    const given = ["vlan", "vni"].find((name) => text(options, name) !== undefined);
    if (given === undefined) return {};
    throw new HoldfastError("invalid_argument", `--${given} does not go with --kind routed, whose packets carry none`);
  }
  const [wanted, other] = kind === "vlan" ? ["vlan", "vni"] : ["vni", "vlan"];
  if (text(options, other) !== undefined) {
    throw new HoldfastError("invalid_argument", `--${other} does not go with --kind ${kind}; use --${wanted}`);
  }
  const segment = text(options, wanted);
  return segment === undefined ? {} : { segment: Number(segment) };
}

function networkUsageText({ tenant, network, claims, subnets, v4, v6 }: NetworkUsage): string {
  if (subnets.length === 0) return `network ${tenant}/${network} has no subnets; add one: ${subnetHint(network)}\n`;
  const families = [
    { of: "all v4", ...v4 },
    { of: "all v6", ...v6 },
  ];
  const rows = [...subnets.map((subnet) => ({ of: subnet.prefix as string, ...subnet })), ...families];
  const shown = rows.filter(({ of, capacity }) => !of.startsWith("all") || capacity !== "0");
  const table = formatTable(
    [{ title: "SUBNET", text: (row: (typeof rows)[number]) => row.of }, ...usageColumns],
    shown,
  );
  return `${claims} claims\n\n${table}`;
}

const subnetHint = (network: string): string => `holdfast subnet create CIDR --network ${network}`;

const columns = (context: Context): readonly Column<Network>[] => [
  { title: "TENANT", text: (network) => network.tenant },
  { title: "NAME", text: (network) => network.name },
  { title: "KIND", text: (network) => network.kind },
  { title: "SEGMENT", text: (network) => String(network.segment ?? "-") },
  { title: "SUBNETS", text: subnetText },
  { title: "MTU", text: (network) => String(network.mtu) },
  { title: "AGE", text: (network) => ageText(network.createdAt, context.io.now()) },
];

const NODE_BLOCKS_HELP =
  "Nodes give addresses to containers without a name by themselves, from blocks of this many: 4 to 256, a power of two.";

export const networkCommands: readonly CommandDefinition[] = [
  {
    name: "create",
    summary: "Create a network.",
    async: true,
    args: [["<name>", "Name of the network, a DNS label.", "none"]],
    options: [
      [
        "!--kind <kind>",
        "vlan: on the company's VLANs; vxlan: an overlay; routed: by the nodes' kernels, address by address.",
        ["vlan", "vxlan", "routed"],
      ],
      ["--vlan <id>", "VLAN id, 1 to 4094. Absent: the next free one."],
      ["--vni <id>", "VXLAN network identifier. Absent: the next free one."],
      ["--subnet <subnet...>", SUBNET_HELP],
      ["--mtu <bytes>", "Absent: 1500 for vlan and routed, 1450 for vxlan."],
      ["--no-docker", "Do not make a docker network of the same name on the nodes."],
      ["--cooldown <duration>", "How long a released address is given to nobody else. Absent: 60s."],
      ["--node-blocks <size>", NODE_BLOCKS_HELP],
      ...probeOptions,
      policyDefaultOption,
      networkRetentionOption,
      ["--masquerade", "Of kind routed: what leaves the tenant's networks has the address of the container's machine."],
      ["-l, --label <key=value...>", "Labels."],
    ],
    examples: [
      "network create web --kind vlan --vlan 100 --subnet 10.20.0.0/16",
      "network create web --kind vlan --vlan 100 --subnet 10.20.0.0/16 --conflict-probe",
      "network create pods --kind vxlan --subnet 10.32.0.0/16 --retention sticky:1h",
      "network create blue --kind vxlan --subnet 10.30.0.0/24,range=10.30.0.50-10.30.0.99 --subnet fd00:30::/64",
      "network create web --kind routed --subnet 10.20.0.0/16 --node-blocks 16",
    ],
    async run(context, [name = ""], options) {
      const kind = text(options, "kind") as Network["kind"];
      const mtu = text(options, "mtu");
      const cooldown = text(options, "cooldown");
      const body = {
        name,
        kind,
        ...segmentOf(options),
        ...masqueradeOf(options),
        subnets: texts(options, "subnet").map(parseSubnet),
        ...(mtu === undefined ? {} : { mtu: Number(mtu) }),
        ...(cooldown === undefined ? {} : { cooldownSeconds: Math.round(parseDuration(cooldown) / 1000) }),
        ...(options.nodeBlocks === undefined ? {} : { nodeBlocks: nodeBlocksOf(options).nodeBlocks ?? undefined }),
        ...(options.conflictProbe === undefined && options.quarantine === undefined
          ? {}
          : { conflictProbe: conflictProbeOf(options).conflictProbe ?? undefined }),
        ...(options.retention === undefined ? {} : { retention: networkRetentionOf(options).retention ?? undefined }),
        ...policyDefaultsOf(options),
        docker: flag(options, "docker") ?? true,
        labels: parseLabels(texts(options, "label")),
      };
      const { client, tenant, call, io, output } = context;
      const network = await client.call(routes.createNetwork, { params: { tenant }, body }, call);
      printObject(io, output, network, details(context, network));
    },
  },
  {
    name: "list",
    aliases: ["ls"],
    summary: "List the networks of all tenants, or of one with --tenant.",
    options: [["-s, --selector <labels>", "Only those with all these labels."]],
    examples: ["network list", "network list --tenant blue -o yaml"],
    async run(context, _, options) {
      const { io, client, call, output } = context;
      const query = { selector: text(options, "selector"), tenant: context.namedTenant };
      const items = await Array.fromAsync(listAll(client, routes.listNetworks, { query }, call));
      const empty = "no networks yet; make one: holdfast network create web --kind vxlan --subnet 10.20.0.0/16";
      printList(io, output, items, { empty, columns: columns(context) });
    },
  },
  {
    name: "get",
    aliases: ["show"],
    summary: "Show one network.",
    args: [["<name>", "Name of the network.", "network"]],
    examples: ["network get web"],
    async run(context, [network = ""]) {
      const { client, tenant, call, io, output } = context;
      const found = await client.call(routes.getNetwork, { params: { tenant, network } }, call);
      printObject(io, output, found, details(context, found));
    },
  },
  {
    name: "usage",
    summary: "How full a network is: used are the claimed addresses, held those of them that no container has.",
    args: [["<name>", "Name of the network.", "network"]],
    examples: ["network usage web", "network usage web -o json"],
    async run(context, [network = ""]) {
      const { client, tenant, call, io, output } = context;
      const usage = await client.call(routes.getNetworkUsage, { params: { tenant, network } }, call);
      printObject(io, output, usage, networkUsageText(usage));
    },
  },
  {
    name: "update",
    summary: "Change what is named; the rest stays.",
    args: [["<name>", "Name of the network.", "network"]],
    options: [
      ["--mtu <bytes>", "For containers that start from now on."],
      ["--docker", "Make a docker network of the same name on the nodes."],
      ["--no-docker", "Remove it, where no container uses it."],
      ["--cooldown <duration>", "How long a released address is given to nobody else."],
      ["--node-blocks <size>", NODE_BLOCKS_HELP],
      ["--no-node-blocks", "Nodes ask for each address, and give their blocks back as they become empty."],
      ...probeOptions,
      ["--masquerade", "Of kind routed: packets to elsewhere leave with the address of the container's machine."],
      ["--no-masquerade", "They leave with the container's own."],
      ["--no-conflict-probe", "Do not ask; what is in quarantine stays there."],
      networkRetentionOption,
      policyDefaultOption,
      ["--no-policy-default", "As the tenant says."],
      ["--no-retention", "Named workloads get no claims from now on; those that there are keep their own retention."],
      ["-l, --label <key=value...>", "Labels; they replace the former ones."],
    ],
    examples: ["network update web --cooldown 5m"],
    async run(context, [network = ""], options) {
      const mtu = text(options, "mtu");
      const cooldown = text(options, "cooldown");
      const docker = flag(options, "docker");
      const body = {
        ...(mtu === undefined ? {} : { mtu: Number(mtu) }),
        ...(docker === undefined ? {} : { docker }),
        ...(cooldown === undefined ? {} : { cooldownSeconds: Math.round(parseDuration(cooldown) / 1000) }),
        ...nodeBlocksOf(options),
        ...conflictProbeOf(options),
        ...networkRetentionOf(options),
        ...masqueradeOf(options),
        ...(options.policyDefault === false ? { policyDefaults: null } : policyDefaultsOf(options)),
        ...labelChange(texts(options, "label")),
      };
      const { client, tenant, call, io, output } = context;
      const changed = await client.call(routes.updateNetwork, { params: { tenant, network }, body }, call);
      printObject(io, output, changed, details(context, changed));
    },
  },
  {
    name: "delete",
    aliases: ["rm"],
    summary: "Delete a network that has no claims.",
    args: [["<name>", "Name of the network.", "network"]],
    examples: ["network delete web"],
    async run(context, [network = ""]) {
      const { client, tenant, call, io } = context;
      await client.call(routes.deleteNetwork, { params: { tenant, network } }, call);
      io.out(`network ${tenant}/${network} deleted\n`);
    },
  },
  ...networkBlockCommands,
];
