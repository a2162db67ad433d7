/** Gives names numbers from 0: a name the same one until it is freed. */
export interface Numbers {
  of(name: string): number;
  /** The number may be given to another name. */
  free(name: string): void;
}

export function createNumbers(): Numbers {
  const numbers = new Map<string, number>();
  const freed: number[] = [];
  let next = 0;
  return {
    of(name) {
      const known = numbers.get(name);
      if (known !== undefined) return known;
      const number = freed.pop() ?? next++;
      numbers.set(name, number);
      return number;
    },
    free(name) {
      const number = numbers.get(name);
      if (number === undefined) return;
      numbers.delete(name);
      freed.push(number);
    },
  };
}
