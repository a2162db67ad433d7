/** Traffic of one kind, as samples tell it. */
export interface Estimate {
  readonly packets: number;
  readonly bytes: number;
  /** Samples that it is made from. */
  readonly samples: number;
  /** Of these, those that stand for one packet each. */
  readonly exactSamples: number;
  /**
   * How far from the truth the packets are at most, in 95 of 100 cases, in percent of them: `196 / √samples`, as the theory of packet sampling has it
   * (sflow.org/packetSamplingBasics). 0: every packet was sampled, or there was none. Of bytes it is the same where packets are of one size, else more.
   */
  readonly errorPercent: number;
}

/** Samples, added up. */
export interface EstimateSum {
  readonly packets: number;
  readonly bytes: number;
  readonly samples: number;
  /** Of these, those that stand for one packet each. */
  readonly exact: number;
}

export function estimateOf({ packets, bytes, samples, exact }: EstimateSum): Estimate {
  const errorPercent = samples === exact ? 0 : 196 / Math.sqrt(samples);
  return { packets, bytes, samples, exactSamples: exact, errorPercent };
}
