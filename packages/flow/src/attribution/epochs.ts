/** Counts the spans of time in which nothing begins or ends. */
export interface Epochs {
  readonly epoch: number;
  /** Something is known to begin or end at a time: a new epoch begins now, for what was known before may be otherwise, and then, if that is to come. */
  note(at: number): void;
  /** It is now; one that goes back begins a new epoch, too. */
  moveTo(at: number): void;
}

/** So many times to come are known one by one. */
const MOST_DUE = 4096;

export function createEpochs(): Epochs {
  let now = 0;
  /** Times to come, in no order, and the first of them. */
  let due: number[] = [];
  let firstDue = Number.POSITIVE_INFINITY;
  /** Of the times until this one it is not known which; each move is a new epoch. */
  let unknownUntil = 0;

  const epochs = {
    epoch: 1,
    note(at: number) {
      epochs.epoch += 1;
      if (at <= now) return;
      if (due.length === MOST_DUE) {
        unknownUntil = due.reduce((last, one) => Math.max(last, one), unknownUntil);
        due = [];
      }
      due.push(at);
      firstDue = Math.min(firstDue, at);
    },
    moveTo(at: number) {
      if (at < now || at >= firstDue || now < unknownUntil) epochs.epoch += 1;
      now = at;
      if (at < firstDue) return;
      due = due.filter((one) => one > at);
      firstDue = due.reduce((first, one) => Math.min(first, one), Number.POSITIVE_INFINITY);
    },
  };
  return epochs;
}
