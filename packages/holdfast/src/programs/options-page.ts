import { agentOptions } from "@holdfast/agent/config";
import { collectorOptions } from "@holdfast/collector/config";
import { controllerOptions } from "@holdfast/controller/config";
import { environmentName, flagName, type OptionDefinitions } from "@holdfast/core";

const HEAD = `# Configuration

Every option can be given as a flag, as an environment variable, or in a section of \`holdfast.yaml\` (named by \`--config\` or
\`HOLDFAST_CONFIG\`, else \`./holdfast.yaml\`, else \`/etc/holdfast/holdfast.yaml\`); the first of these wins. The command line reads
\`HOLDFAST_SERVER\`, \`HOLDFAST_TOKEN\` and \`HOLDFAST_TENANT\`.

\`\`\`yaml
controller:
  listen: 127.0.0.1:4653
agent:
  uplink: eth1
\`\`\`

This page is generated from the definitions: \`make docs\`.
`;

/** \`docs/configuration.md\`, made from the definitions. */
export function optionsPage(): string {
  return [
    HEAD,
    sectionOf("controller", controllerOptions),
    sectionOf("agent", agentOptions),
    sectionOf("collector", collectorOptions),
  ].join("\n");
}

function sectionOf(section: string, definitions: OptionDefinitions): string {
  const rows = Object.entries(definitions).map(([name, { description, fallback }]) => {
    const value = fallback === undefined ? "" : `\`${fallback}\``;
    return `| \`${flagName(name)}\` | \`${environmentName(section, name)}\` | \`${name}\` | ${value} | ${description} |`;
  });
  const head = ["| flag | variable | key | default | meaning |", "|---|---|---|---|---|"];
  return [`## ${section}`, "", ...head, ...rows, ""].join("\n");
}
