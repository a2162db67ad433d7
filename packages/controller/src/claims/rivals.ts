import { HoldfastError, type Identity, type IpAddress } from "@holdfast/core";

/** What an item of a request asks for by name. */
export interface Wish {
  readonly identity: Identity;
  readonly addresses?: readonly IpAddress[] | undefined;
}

/** Refusals of items that ask for what an earlier item of the same request asks for, by their place in it. */
export function rivalsAmong(items: readonly Wish[]): ReadonlyMap<number, HoldfastError> {
  const firstOf = new Map<string, number>();
  const rivals = new Map<number, HoldfastError>();
  for (const [index, item] of items.entries()) {
    const wants = wantsOf(item);
    const lost = wants.find(({ key }) => firstOf.has(key));
    if (lost === undefined) for (const { key } of wants) firstOf.set(key, index);
    else rivals.set(index, rivalError(lost, firstOf.get(lost.key) ?? 0));
  }
  return rivals;
}

interface Want {
  readonly key: string;
  readonly field: string;
  readonly text: string;
}

/** An identity may look like an address. */
function wantsOf({ identity, addresses = [] }: Wish): readonly Want[] {
  return [
    { key: `identity ${identity}`, field: "identity", text: identity },
    ...addresses.map((address, index) => ({ key: address, field: `addresses.${index}`, text: address })),
  ];
}

function rivalError({ field, text }: Want, earlier: number): HoldfastError {
  const message = `${field}: item ${earlier} of the request asks for ${text}, too; name it once`;
  return new HoldfastError("invalid_argument", message, { details: { field } });
}
