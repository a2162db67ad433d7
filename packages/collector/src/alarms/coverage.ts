/** Since when the store has all windows: what is asked of a time with a hole would be told too low. */
export interface Coverage {
  /** Takes note of a window, whether the store has it or has lost it. */
  note(window: { readonly start: number; readonly seconds: number }, isKept: boolean): void;
  /** In milliseconds since 1970. Undefined: no window is over yet. */
  readonly from: number | undefined;
}

export function createCoverage(): Coverage {
  let from: number | undefined;
  let end: number | undefined;
  return {
    note({ start, seconds }, isKept) {
      const over = start + seconds * 1000;
      // The first one may have been under way when the process began.
      if (!isKept || start !== end) from = over;
      end = over;
    },
    get from() {
      return from;
    },
  };
}
