/** Whose packets came last by which interface of a node. */
export interface SeenPorts {
  set(node: number, ifIndex: number, owner: number): void;
  /** -1: nobody's. */
  ownerOf(node: number, ifIndex: number): number;
  /** It has ended: the number of its interface may be another one's. */
  forget(owner: number): void;
}

const NOBODY = -1;

export function createSeenPorts(): SeenPorts {
  const owners = new Map<number, number>();
  /** Of each owner the last one. */
  const ports = new Map<number, number>();

  function forget(owner: number): void {
    const port = ports.get(owner);
    if (port === undefined) return;
    ports.delete(owner);
    if (owners.get(port) === owner) owners.delete(port);
  }

  return {
    set(node, ifIndex, owner) {
      // Interfaces have 32 bits and nodes fewer than 20: together less than 2^53.
      const port = node * 2 ** 32 + ifIndex;
      if (ports.get(owner) === port && owners.get(port) === owner) return;
      forget(owner);
      owners.set(port, owner);
      ports.set(owner, port);
    },
    ownerOf: (node, ifIndex) => owners.get(node * 2 ** 32 + ifIndex) ?? NOBODY,
    forget,
  };
}
