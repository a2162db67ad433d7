const MOST_WORDS = 16_384;
const MOST_CHARACTERS = 512;

interface Word {
  readonly json: string;
  readonly value: unknown;
  uses: number;
}

/**
 * Values that many rows have in common, e.g. names of nodes and sets of labels: a row has only the number. Bounded, so that values which are
 * all different fill no memory here; a value is forgotten when the last row that has it goes.
 */
export class Vocabulary {
  readonly #numbers = new Map<string, number>();
  /** From 1 on. */
  readonly #words: (Word | undefined)[] = [undefined];
  readonly #vacant: number[] = [];

  get size(): number {
    return this.#numbers.size;
  }

  /** The number of a JSON value for one more row; 0: it has none, and the row has to keep the value itself. */
  use(json: string, value: unknown): number {
    const known = this.#numbers.get(json);
    if (known !== undefined) {
      this.#word(known).uses++;
      return known;
    }
    if (this.#numbers.size >= MOST_WORDS || json.length > MOST_CHARACTERS) return 0;
    const number = this.#vacant.pop() ?? this.#words.length;
    this.#words[number] = { json, value, uses: 1 };
    this.#numbers.set(json, number);
    return number;
  }

  /** The value, which all who ask share. */
  valueOf(number: number): unknown {
    return this.#word(number).value;
  }

  /** One row less has it. */
  release(number: number): void {
    const word = this.#word(number);
    if (--word.uses > 0) return;
    this.#words[number] = undefined;
    this.#numbers.delete(word.json);
    this.#vacant.push(number);
  }

  #word(number: number): Word {
    const word = this.#words[number];
    if (word === undefined) throw new RangeError(`no word has the number ${number}`);
    return word;
  }
}
