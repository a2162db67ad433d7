import type { TrafficSample } from "../windows/traffic.ts";
import { evaluate, holds } from "./evaluate.ts";
import type { SampleAnswer, SamplePlan } from "./plan.ts";
import type { ServedTraffic } from "./row-values.ts";

const SYN = 0x02;
const ACK = 0x10;

/** A sampled packet with the port of the end that serves: whom the opener of a connection talks to, else the lower one. As sums have it. */
export function withServicePort(sample: TrafficSample): TrafficSample & ServedTraffic {
  const { sourcePort, destinationPort, tcpFlags = 0 } = sample;
  if (sourcePort === undefined || destinationPort === undefined) return sample;
  const opening = tcpFlags & (SYN | ACK);
  if (opening === SYN) return { ...sample, servicePort: destinationPort };
  if (opening === (SYN | ACK)) return { ...sample, servicePort: sourcePort };
  return { ...sample, servicePort: Math.min(sourcePort, destinationPort) };
}

/** What a plan tells of a sample; undefined: it does not mean it. */
export function sampleAnswer(
  plan: Pick<SamplePlan, "where" | "columns">,
  sample: TrafficSample,
): SampleAnswer | undefined {
  const served = withServicePort(sample);
  if (!holds(plan.where, served)) return undefined;
  const { at, sourcePort, destinationPort, tcpFlags, bytes, rate } = sample;
  return {
    at,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    ...(tcpFlags === undefined ? {} : { tcpFlags }),
    bytes,
    rate,
    values: plan.columns.map((column) => evaluate(column, served)),
  };
}
