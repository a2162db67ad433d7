import { open } from "node:fs/promises";

/** Of a warning, as the kernel's own lines about packets have it (KERN_WARNING). */
const LEVEL = 4;

/**
 * Writes a line into the kernel's log. Opened each time: the kernel lets one opening write ten lines in five seconds (printk_devkmsg), and who writes here has a
 * limit of its own.
 *
 * @throws the system's error where that is not allowed.
 */
export async function writeKernelLog(line: string): Promise<void> {
  const log = await open("/dev/kmsg", "w");
  try {
    await log.write(`<${LEVEL}>${line}\n`);
  } finally {
    await log.close();
  }
}
