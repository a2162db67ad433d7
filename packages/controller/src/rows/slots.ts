const PAGE_BYTES = 65_536;
const LEAST_SLOT_BYTES = 8;
/** Room in a handle for the slots of a page. */
const MOST_SLOTS = PAGE_BYTES / LEAST_SLOT_BYTES;

interface Page {
  readonly id: number;
  readonly bytes: Buffer;
  readonly slotBytes: number;
  readonly slots: number;
  /** Slots from here on were never used. */
  fresh: number;
  /** The slot that was given back last, plus one; each names in its first two bytes the one before. 0: none. */
  vacated: number;
  used: number;
  /** Where it stands among the pages of its size that have room; -1: it is full. */
  place: number;
}

/**
 * Memory for many small runs of bytes outside the heap that the garbage collector walks. A run lies in a slot of the next size up, slots of one
 * size share pages, and a page goes when its last slot does: nothing is ever moved, and what is given back is used again by its like.
 *
 * A handle is a number below 2^31 that stays the same for as long as the slot is taken.
 */
export class Slots {
  readonly #pages: (Page | undefined)[] = [];
  readonly #vacantPages: number[] = [];
  /** By size of slot. */
  readonly #withRoom = new Map<number, Page[]>();
  #bytes = 0;

  /** How much memory is held. */
  get bytes(): number {
    return this.#bytes;
  }

  allocate(bytes: number): number {
    const slotBytes = slotSize(bytes);
    const page = this.#withRoom.get(slotBytes)?.at(-1) ?? this.#addPage(slotBytes);
    const slot = takeSlot(page);
    if (page.used === page.slots) this.#leaveRoomList(page);
    return page.id * MOST_SLOTS + slot;
  }

  free(handle: number): void {
    const page = this.#page(handle);
    const slot = handle % MOST_SLOTS;
    page.bytes.writeUInt16LE(page.vacated, slot * page.slotBytes);
    page.vacated = slot + 1;
    page.used--;
    if (page.place < 0) this.#enterRoomList(page);
    // The last page with room stays, so that one run that comes and goes does not make and drop a page each time.
    if (page.used === 0 && (this.#withRoom.get(page.slotBytes)?.length ?? 0) > 1) this.#dropPage(page);
  }

  /** Whether a run of so many bytes would get a slot of the same size. */
  suits(handle: number, bytes: number): boolean {
    return this.#page(handle).slotBytes === slotSize(bytes);
  }

  /** The memory in which the slot lies: from {@link startOf} on. */
  pageOf(handle: number): Buffer {
    return this.#page(handle).bytes;
  }

  startOf(handle: number): number {
    return (handle % MOST_SLOTS) * this.#page(handle).slotBytes;
  }

  #page(handle: number): Page {
    const page = this.#pages[Math.floor(handle / MOST_SLOTS)];
    if (page === undefined) throw new RangeError(`no slot has the handle ${handle}`);
    return page;
  }

  #addPage(slotBytes: number): Page {
    const slots = Math.max(1, Math.floor(PAGE_BYTES / slotBytes));
    const id = this.#vacantPages.pop() ?? this.#pages.length;
    const bytes = Buffer.allocUnsafeSlow(slots * slotBytes);
    const page: Page = { id, bytes, slotBytes, slots, fresh: 0, vacated: 0, used: 0, place: -1 };
    this.#pages[id] = page;
    this.#bytes += bytes.length;
    this.#enterRoomList(page);
    return page;
  }

  #dropPage(page: Page): void {
    this.#leaveRoomList(page);
    this.#pages[page.id] = undefined;
    this.#vacantPages.push(page.id);
    this.#bytes -= page.bytes.length;
  }

  #enterRoomList(page: Page): void {
    const list = this.#withRoom.get(page.slotBytes) ?? [];
    this.#withRoom.set(page.slotBytes, list);
    page.place = list.push(page) - 1;
  }

  #leaveRoomList(page: Page): void {
    const list = this.#withRoom.get(page.slotBytes) ?? [];
    const last = list.pop();
    if (last !== undefined && last !== page) {
      list[page.place] = last;
      last.place = page.place;
    }
    page.place = -1;
  }
}

function takeSlot(page: Page): number {
  page.used++;
  if (page.vacated === 0) return page.fresh++;
  const slot = page.vacated - 1;
  page.vacated = page.bytes.readUInt16LE(slot * page.slotBytes);
  return slot;
}

/** Eight sizes per doubling, so that no more than an eighth of a slot is wasted; multiples of eight. */
function slotSize(bytes: number): number {
  const step = Math.max(LEAST_SLOT_BYTES, 2 ** (28 - Math.clz32(Math.max(1, bytes - 1))));
  return Math.max(1, Math.ceil(bytes / step)) * step;
}
