import type { DatapathDriver } from "../driver.ts";

/** The same driver, which closes what was opened for it, too. */
export function withCleanup(driver: DatapathDriver, cleanup: () => Promise<void>): DatapathDriver {
  const close = driver.close.bind(driver);
  driver.close = async () => {
    await close();
    await cleanup();
  };
  return driver;
}
