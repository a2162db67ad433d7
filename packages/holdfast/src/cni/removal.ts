import { carryOut, planUninstall, readInstallations } from "@holdfast/cni-plugin/install";

/** Removes what `holdfast cni install` has made for the runtimes of a folder. Says which, in words for people. */
export async function removeInstallations(directory: string, now: number): Promise<string> {
  const found = await readInstallations(directory);
  const removed: string[] = [];
  for (const { path, installation } of found.filter(({ kind }) => kind === "ours")) {
    const steps = await planUninstall(installation, { conflist: path, force: false, now });
    await carryOut(steps);
    removed.push(...steps.map((step) => step.path));
  }
  const stay = found
    .filter(({ kind }) => kind === "changed")
    .map(({ path }) => `${path} was changed by hand and stays`);
  return [removed.length === 0 ? "not installed" : `removed ${removed.join(", ")}`, ...stay].join("; ");
}
