import { HoldfastError } from "./errors.ts";

/** @throws HoldfastError `invalid_argument` for what cannot be sent as one (RFC 6750 section 2.1), or could be guessed. */
export function parseBearerToken(text: string): string {
  if (/^[\x21-\x7e]{8,512}$/.test(text)) return text;
  throw new HoldfastError("invalid_argument", "a token has 8 to 512 visible ASCII characters");
}
