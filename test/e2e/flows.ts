import type { LabHost } from "@holdfast/lab";

/** A flow as `ovs-ofctl dump-flows` shows it. */
export interface SeenFlow {
  readonly cookie: string;
  /** Seconds since it was installed. */
  readonly duration: number;
  readonly packets: number;
}

/** The flows of a bridge by what makes them different from each other: table, match and actions. */
export async function readFlows(host: LabHost, signal: AbortSignal, bridge = "hf-int"): Promise<Map<string, SeenFlow>> {
  const { stdout } = await host.exec(["ovs-ofctl", "-O", "OpenFlow14", "dump-flows", bridge], { signal });
  const lines = stdout.split("\n").filter((line) => line.includes("cookie="));
  return new Map(lines.map(parseFlow));
}

function parseFlow(line: string): [string, SeenFlow] {
  const match =
    /cookie=(0x[0-9a-f]+), duration=([0-9.]+)s, table=(\d+), n_packets=(\d+), n_bytes=\d+,(?: [a-z_]+=[^ ]+,)* (.*)$/.exec(
      line.trim(),
    );
  if (match === null) throw new TypeError(`not a flow: ${line}`);
  const [, cookie = "", duration, table, packets, rest] = match;
  return [`table=${table}, ${rest}`, { cookie, duration: Number(duration), packets: Number(packets) }];
}

/** Whether the flow is of one endpoint: bits 24 to 31 of a cookie tell what a flow is for. */
export function isEndpointFlow({ cookie }: SeenFlow): boolean {
  return ((BigInt(cookie) >> 24n) & 0xffn) === 2n;
}
