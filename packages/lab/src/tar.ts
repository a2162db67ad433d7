/**
 * Writes a POSIX ustar archive (IEEE 1003.1 `pax`, "ustar Interchange Format"): folders, files and symbolic links of root with a
 * fixed time, so that the same content gives the same bytes.
 */
export class TarWriter {
  readonly #blocks: Buffer[] = [];

  folder(name: string, mode = 0o755): this {
    this.#blocks.push(header({ name: `${name}/`, mode, type: "5" }));
    return this;
  }

  file(name: string, content: Uint8Array, mode = 0o644): this {
    const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
    this.#blocks.push(header({ name, mode, type: "0", size: content.length }), Buffer.from(content), padding);
    return this;
  }

  symlink(name: string, target: string): this {
    this.#blocks.push(header({ name, mode: 0o777, type: "2", target }));
    return this;
  }

  /** The whole archive: two empty blocks end it. */
  end(): Buffer {
    return Buffer.concat([...this.#blocks, Buffer.alloc(2 * BLOCK)]);
  }
}

const BLOCK = 512;

interface Entry {
  /** At most 100 bytes. */
  readonly name: string;
  readonly mode: number;
  /** 0: file, 2: symbolic link, 5: folder. */
  readonly type: "0" | "2" | "5";
  readonly size?: number;
  readonly target?: string;
}

function header({ name, mode, type, size = 0, target = "" }: Entry): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 100);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108); // uid
  block.write(octal(0, 7), 116); // gid
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136); // mtime
  block.write(" ".repeat(8), 148); // the checksum is computed with itself as spaces
  block.write(type, 156);
  block.write(target, 157, 100);
  block.write("ustar\u000000", 257, "latin1");
  block.write(
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
    148,
    "latin1",
  );
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
