import { RowReader } from "./row-reader.ts";
import { RowWriter } from "./row-writer.ts";
import { Slots } from "./slots.ts";
import { Vocabulary } from "./vocabulary.ts";

/** What tables share: memory for their rows, the values that rows have in common, and one place to write and read. */
export interface Rows {
  readonly slots: Slots;
  readonly vocabulary: Vocabulary;
  readonly writer: RowWriter;
  readonly reader: RowReader;
}

export function createRows(): Rows {
  const slots = new Slots();
  const vocabulary = new Vocabulary();
  return { slots, vocabulary, writer: new RowWriter(vocabulary), reader: new RowReader(slots, vocabulary) };
}
