import type { Brand } from "./brand.ts";
import { HoldfastError } from "./errors.ts";

/**
 * The name of a tenant, network or node: a DNS label, e.g. `"web"` or `"node-2"` (RFC 1123 section 2.1): lower-case letters,
 * digits and inner hyphens, 1 to 63 characters.
 */
export type Name = Brand<string, "Name">;

/** Companion of the type {@link Name}. */
export const Name = {
  /** @throws HoldfastError `invalid_argument`. */
  parse(text: string): Name {
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) {
      throw new HoldfastError(
        "invalid_argument",
        `not a name: ${JSON.stringify(text.slice(0, 80))}; use lower-case letters, digits and inner hyphens, at most 63`,
      );
    }
    return text as Name;
  },
};

/**
 * The stable name of a workload inside a tenant, e.g. `"redis-0"` or `"prod/mysql-1"`: one to eight parts joined by `/`, each of
 * letters, digits, `.`, `_` and `-`, starting and ending with a letter or digit; at most 253 characters.
 */
export type Identity = Brand<string, "Identity">;

const IDENTITY_PART = "[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?";
const IDENTITY = new RegExp(`^${IDENTITY_PART}(/${IDENTITY_PART}){0,7}$`);

/** Companion of the type {@link Identity}. */
export const Identity = {
  /** @throws HoldfastError `invalid_argument`. */
  parse(text: string): Identity {
    if (text.length > 253 || !IDENTITY.test(text)) {
      throw new HoldfastError(
        "invalid_argument",
        `not an identity: ${JSON.stringify(text.slice(0, 80))}; use up to eight parts of letters, digits, '.', '_' and '-', joined by '/', at most 253 characters`,
      );
    }
    return text as Identity;
  },
};
