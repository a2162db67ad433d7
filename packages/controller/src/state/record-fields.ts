import { address } from "../rows/address-codec.ts";
import { type Codec, list, text, whole, word } from "../rows/codec.ts";
import { mac } from "../rows/mac-codec.ts";
import { type RecordCodec, record } from "../rows/record-codec.ts";
import { createTimeCodec } from "../rows/time-codec.ts";

/** How the fields of packed objects lie in their rows. What is not listed is kept as JSON: dearer, and just as it was. */
export interface RecordFields {
  /** Without tenant, network and identity. */
  readonly claim: RecordCodec;
  /** Without the id. */
  readonly endpoint: RecordCodec;
  /** Without the address. */
  readonly cooling: RecordCodec;
  /** Likewise. */
  readonly quarantine: RecordCodec;
}

export function createRecordFields(): RecordFields {
  const time: Codec<string> = createTimeCodec();
  return {
    claim: record({
      // First, where the owners of addresses look.
      addresses: list(address),
      mac,
      retention: word,
      epoch: whole,
      binding: record({ node: word, endpoint: text, since: time }),
      heldFor: word,
      group: word,
      qos: word,
      expiresAt: time,
      labels: word,
      createdAt: time,
      revision: whole,
      runtimeLabels: word,
    }),
    endpoint: record({
      tenant: word,
      network: word,
      identity: text,
      node: word,
      epoch: whole,
      addresses: list(address),
      mac,
      phase: word,
      history: list(record({ phase: word, at: time, actor: word, reason: text })),
      workload: record({ runtime: word, endpoint: text, container: text }),
      createdAt: time,
      revision: whole,
      ifIndex: whole,
    }),
    cooling: record({ identity: text, until: time, node: word, revision: whole }),
    quarantine: record({
      identity: text,
      mac,
      node: word,
      endpoint: text,
      since: time,
      until: time,
      revision: whole,
    }),
  };
}
