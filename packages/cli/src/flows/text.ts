import type { PortDescription, RecordDescription, SampleDescription } from "@holdfast/flow";
import type { DecodedDatagram } from "./decode.ts";
import { packetText } from "./packet-text.ts";

/** Columns of fixed width: a capture may be longer than what memory holds. */
const WIDTHS = [15, 15, 9, 8, 12, 12] as const;

export const TABLE_TITLE = row(["TIME", "AGENT", "SAMPLE", "RATE", "IN", "OUT"], "WHAT");

/** A line per sample, and one per refusal. */
export function datagramText(said: DecodedDatagram): string {
  const head = [said.time?.slice(11, 26) ?? "", said.agent ?? said.from];
  const samples = (said.samples ?? []).map((sample) =>
    row(
      [...head, sample.kind, sample.samplingRate === undefined ? "" : `1:${sample.samplingRate}`, ...wayOf(sample)],
      whatOf(sample),
    ),
  );
  const refused = (said.refused ?? []).map(({ reason, offset }) =>
    row([...head, "refused"], `${reason} at byte ${offset} of the datagram`),
  );
  return [...samples, ...refused].join("");
}

function row(cells: readonly string[], last: string): string {
  const padded = WIDTHS.map((width, index) => (cells[index] || "-").padEnd(width));
  return `${[...padded, last].join("  ").trimEnd()}\n`;
}

function wayOf(sample: SampleDescription): readonly string[] {
  if (sample.kind === "counters") return [sourceText(sample), ""];
  return [portText(sample.input), portText(sample.output)];
}

function sourceText({ source }: SampleDescription): string {
  return source.class === "ifIndex" ? `if ${source.index}` : `entity ${source.index}`;
}

const INTERNAL = 0x3fff_ffff;

function portText(port: PortDescription | undefined): string {
  if (port === undefined) return "";
  if ("ifIndex" in port) {
    if (port.ifIndex === 0) return "unknown";
    return port.ifIndex === INTERNAL ? "itself" : `if ${port.ifIndex}`;
  }
  if ("dropped" in port) return `drop ${port.dropped}`;
  if ("ports" in port) return port.ports === 0 ? "several" : `${port.ports} ports`;
  return `${port.format}/${port.value}`;
}

function whatOf(sample: SampleDescription): string {
  const { packet, reason } = sample;
  const said = packet === undefined ? sample.records.map(recordText).join("; ") : packetText(packet);
  return [reason, said, vniText(sample)].filter((part) => part !== undefined && part !== "").join("  ");
}

function vniText({ records }: SampleDescription): string {
  return records
    .filter(({ name }) => name === "extended_vni_ingress" || name === "extended_vni_egress")
    .map(({ name, fields }) => `vni ${name.endsWith("ingress") ? "in" : "out"} ${String(fields.vni as number)}`)
    .join(" ");
}

function recordText({ name, fields }: RecordDescription): string {
  const number = (field: string): string => String((fields[field] as number | bigint | null) ?? "?");
  switch (name) {
    case "if_counters":
      return `in ${number("ifInOctets")} B ${number("ifInUcastPkts")} p, out ${number("ifOutOctets")} B ${number("ifOutUcastPkts")} p`;
    case "port_name":
    case "host_descr":
      return printable(String((fields.name ?? fields.hostname) as string));
    default:
      return name;
  }
}

/** Without signs that would move a terminal's cursor: they come from whoever sends to the port. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, "?");
}
