const EMPTY: Node<never> = { kind: "branch", children: [] };

type Node<V> =
  | { readonly kind: "leaf"; readonly key: string; readonly value: V }
  | { readonly kind: "branch"; readonly children: readonly (Node<V> | undefined)[] };

/**
 * An immutable map whose keys are UUIDs. `with` and `without` give a new map that shares all but one path with this one: an
 * update costs the same handful of 16-slot copies in a table of ten rows and of ten thousand.
 *
 * A trie over the UUID's hexadecimal digits, read from the end: in random and in counted UUIDs alike, that is where they
 * differ. Iterates in the order of these digits, which means nothing.
 */
export class UuidMap<V> implements ReadonlyMap<string, V> {
  readonly size: number;
  readonly #root: Node<V>;

  private constructor(root: Node<V>, size: number) {
    this.#root = root;
    this.size = size;
  }

  static empty<V>(): UuidMap<V> {
    return new UuidMap<V>(EMPTY, 0);
  }

  get(key: string): V | undefined {
    let node: Node<V> | undefined = this.#root;
    for (let depth = 0; node?.kind === "branch"; depth++) node = node.children[digit(key, depth)];
    return node?.key === key ? node.value : undefined;
  }

  has(key: string): boolean {
    let node: Node<V> | undefined = this.#root;
    for (let depth = 0; node?.kind === "branch"; depth++) node = node.children[digit(key, depth)];
    return node?.key === key;
  }

  with(key: string, value: V): UuidMap<V> {
    return new UuidMap(insert(this.#root, { kind: "leaf", key, value }, 0), this.has(key) ? this.size : this.size + 1);
  }

  without(key: string): UuidMap<V> {
    if (!this.has(key)) return this;
    return new UuidMap(remove(this.#root, key, 0) ?? EMPTY, this.size - 1);
  }

  entries(): MapIterator<[string, V]> {
    return leaves(this.#root)
      .values()
      .map(({ key, value }): [string, V] => [key, value]);
  }

  keys(): MapIterator<string> {
    return leaves(this.#root)
      .values()
      .map(({ key }) => key);
  }

  values(): MapIterator<V> {
    return leaves(this.#root)
      .values()
      .map(({ value }) => value);
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }

  forEach(callback: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this) callback(value, key, this);
  }
}

type Leaf<V> = Node<V> & { readonly kind: "leaf" };

function insert<V>(node: Node<V> | undefined, leaf: Leaf<V>, depth: number): Node<V> {
  if (node === undefined || (node.kind === "leaf" && node.key === leaf.key)) return leaf;
  if (node.kind === "leaf") {
    const children: (Node<V> | undefined)[] = [];
    children[digit(node.key, depth)] = node;
    return insert({ kind: "branch", children }, leaf, depth);
  }
  const slot = digit(leaf.key, depth);
  const children = node.children.slice();
  children[slot] = insert(children[slot], leaf, depth + 1);
  return { kind: "branch", children };
}

/** The key is there. Undefined: nothing is left; a single leaf moves up. */
function remove<V>(node: Node<V>, key: string, depth: number): Node<V> | undefined {
  if (node.kind === "leaf") return undefined;
  const slot = digit(key, depth);
  const child = node.children[slot];
  const children = node.children.slice();
  children[slot] = child === undefined ? undefined : remove(child, key, depth + 1);
  const rest = children.filter((each) => each !== undefined);
  const [only] = rest;
  if (only === undefined) return undefined;
  return rest.length === 1 && only.kind === "leaf" && depth > 0 ? only : { kind: "branch", children };
}

/** All at once: a generator per branch would cost more than the rows. */
function leaves<V>(node: Node<V>, found: Leaf<V>[] = []): readonly Leaf<V>[] {
  if (node.kind === "leaf") found.push(node);
  else for (const child of node.children) if (child !== undefined) leaves(child, found);
  return found;
}

/** The slot of a key at a depth: a digit's value, any other character (or none) a slot above, so that unequal keys part. */
function digit(key: string, depth: number): number {
  const code = key.charCodeAt(key.length - 1 - depth);
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  return Number.isNaN(code) ? 16 : 17 + code;
}
