import { join } from "node:path";
import { outputOf, startChild } from "./child.ts";

/** From Debian's package `containernetworking-plugins`. */
const PLUGIN = "/usr/lib/cni/host-local";
const ADDS = 400;
const AT_ONCE = [1, 4] as const;

/**
 * Addresses per second that the CNI plugin `host-local` gives, one exec of `ADD` for each, as a runtime does it. A shell starts them, because
 * that costs less than what starts programs from here; the better of one shell and four at the same time.
 */
export async function measureHostLocal(folder: string): Promise<number> {
  const rates: number[] = [];
  for (const shells of AT_ONCE) {
    const dataDir = join(folder, `host-local-${shells}`);
    const ipam = { type: "host-local", dataDir, ranges: [[{ subnet: "10.16.0.0/12" }]] };
    const network = JSON.stringify({ cniVersion: "0.4.0", name: "bench", type: "host-local", ipam });
    const started = performance.now();
    await Promise.all(Array.from({ length: shells }, (_, shell) => addInShell(network, shell, ADDS / shells)));
    rates.push((ADDS / (performance.now() - started)) * 1000);
  }
  return Math.max(...rates);
}

const SCRIPT = `
  read -r network
  export CNI_COMMAND=ADD CNI_NETNS=/proc/self/ns/net CNI_IFNAME=eth0 CNI_PATH=/usr/lib/cni
  for number in $(seq "$2"); do
    printf %s "$network" | CNI_CONTAINERID="c$1-$number" ${PLUGIN} || exit 1
  done
`;

async function addInShell(network: string, shell: number, adds: number): Promise<void> {
  const answers = await outputOf(startChild(["sh", "-c", SCRIPT, "sh", String(shell), String(adds)], `${network}\n`));
  const addresses = answers.match(/"address": "[^"]+"/g) ?? [];
  if (new Set(addresses).size !== adds)
    throw new TypeError(`host-local gave ${addresses.length} addresses: ${answers}`);
}
