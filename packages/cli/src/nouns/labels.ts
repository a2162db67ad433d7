import { HoldfastError } from "@holdfast/core";

/** `["env=prod", "team=web"]` as labels. @throws HoldfastError `invalid_argument`. */
export function parseLabels(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const cut = text.indexOf("=");
      if (cut < 1) throw new HoldfastError("invalid_argument", `--label ${text}: write key=value`);
      return [text.slice(0, cut), text.slice(cut + 1)];
    }),
  );
}

/** Labels or nothing, for patches that leave them alone. */
export function labelChange(texts: readonly string[]): { labels?: Record<string, string> } {
  return texts.length === 0 ? {} : { labels: parseLabels(texts) };
}
