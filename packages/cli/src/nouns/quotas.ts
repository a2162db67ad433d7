import { HoldfastError } from "@holdfast/core";
import type { Quotas, QuotasPatch } from "@holdfast/model";

const NAMES = ["addresses", "addressesPerNetwork", "claims", "networks"] as const;

export const QUOTA_HELP = `NAME=LIMIT, or NAME=none; NAME is one of ${NAMES.join(", ")}. May be repeated.`;

/**
 * Reads `addresses=1000` and `claims=none`.
 *
 * @throws HoldfastError `invalid_argument`, naming what is wrong.
 */
export function parseQuotas(texts: readonly string[]): { quotas?: QuotasPatch } {
  const quotas: { [K in keyof Quotas]: number | null } = {};
  for (const text of texts) {
    const [given = "", limit = ""] = text.split("=");
    const name = NAMES.find((one) => one === given);
    if (name === undefined || !/^(none|[0-9]{1,15})$/.test(limit)) {
      throw new HoldfastError("invalid_argument", `--quota ${text} is not ${QUOTA_HELP}`);
    }
    quotas[name] = limit === "none" ? null : Number(limit);
  }
  return texts.length === 0 ? {} : { quotas };
}

/** `addresses=1000,networks=10`. */
export function quotaText(quotas: Quotas = {}): string {
  return NAMES.flatMap((name) => (quotas[name] === undefined ? [] : `${name}=${quotas[name]}`)).join(",") || "none";
}
