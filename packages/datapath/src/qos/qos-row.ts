import type { EndpointQos } from "@holdfast/model";

/** What is to be kept to on one endpoint's link. */
export interface QosRow {
  /** The end that stays with the machine, e.g. `"hfr7"`. */
  readonly link: string;
  readonly endpoint: string;
  readonly qos: EndpointQos;
}

/** What comes in at the link's own end has been sent by the endpoint: its egress. */
export type Direction = "ingress" | "egress";
export const DIRECTIONS = ["ingress", "egress"] as const;

/** Of a link: the one in whose queue packets of a direction wait. A number of a link has at most nine digits, so the name fits (IFNAMSIZ). */
export function queueName(link: string, direction: Direction): string {
  return `${link}${direction === "ingress" ? "i" : "w"}`;
}

/** Of a link: where what the endpoint sends comes back from its queue. */
export function returnName(link: string): string {
  return `${link}b`;
}

/** Of a queue, or of where it comes back: its link. Undefined when it is no name of one. `o`: an ifb for what an endpoint sends, as versions before this one had. */
export function linkOfQueue(name: string): string | undefined {
  return /^(.*\d)[iwbo]$/.exec(name)?.[1];
}

export function sameRow(a: QosRow, b: QosRow): boolean {
  return a.link === b.link && a.endpoint === b.endpoint && JSON.stringify(a.qos) === JSON.stringify(b.qos);
}
