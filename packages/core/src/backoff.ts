/** Growing pauses between tries. */
export interface BackoffOptions {
  /** First pause in milliseconds. Default 50. */
  readonly first?: number;
  /** Longest pause in milliseconds. Default 5000. */
  readonly longest?: number;
  /** A number in [0, 1); spreads the tries of many clients. Default `Math.random`. */
  readonly random?: () => number;
}

/**
 * The pause before try number `attempt` (0 is the first repetition), in milliseconds: doubles from `first` to `longest`, of
 * which the upper half is random.
 */
export function backoff(attempt: number, options: BackoffOptions = {}): number {
  const { first = 50, longest = 5000, random = Math.random } = options;
  const full = Math.min(longest, first * 2 ** Math.min(attempt, 30));
  return full / 2 + random() * (full / 2);
}
