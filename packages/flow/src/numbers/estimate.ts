/** Traffic of one kind, as samples tell it. */
export interface Estimate {
  readonly packets: number;
  readonly bytes: number;
  /** Samples that it is made from. */
  readonly samples: number;
  /**
   * How far from the truth the packets are at most, in 95 of 100 cases, in percent of them: `196 / √samples`, as the theory of packet sampling has it
   * (sflow.org/packetSamplingBasics). 0: every packet was sampled, or there was none. Of bytes it is the same where packets are of one size, else more.
   */
  readonly errorPercent: number;
}

/** Adds samples up. */
export interface EstimateSum {
  packets: number;
  bytes: number;
  samples: number;
  /** Of these, those that stand for one packet each. */
  exact: number;
}

export function createEstimateSum(): EstimateSum {
  return { packets: 0, bytes: 0, samples: 0, exact: 0 };
}

/**
 * @param weight packets that the sample stands for
 * @param bytes of the packet on the wire, without what the exporter's hardware added
 */
export function addSample(sum: EstimateSum, weight: number, bytes: number): void {
  if (weight === 0) return;
  sum.packets += weight;
  sum.bytes += weight * bytes;
  sum.samples += 1;
  if (weight === 1) sum.exact += 1;
}

export function estimateOf({ packets, bytes, samples, exact }: EstimateSum): Estimate {
  return { packets, bytes, samples, errorPercent: samples === exact ? 0 : 196 / Math.sqrt(samples) };
}
