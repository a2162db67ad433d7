import { HoldfastError } from "./errors.ts";

/**
 * The base address of a program that answers by HTTP, e.g. `"http://127.0.0.1:4653"`. What is wrong with one is said without it: it may have a password,
 * also where it cannot be parsed. So may a log that names the address, and an error that it cannot be reached.
 *
 * @param remedy how one who asks is known, e.g. `"--token"`
 * @throws HoldfastError `invalid_argument`
 */
export function parseHttpAddress(text: string, remedy: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw refused("not an address like http://127.0.0.1:4653");
  if (url.username !== "" || url.password !== "")
    throw refused(`an address has no password in it; say who asks by ${remedy}`);
  // A password with one of these in it ends there, and what is before it would be taken, and told, for the host.
  if (/[?#@\\]/.test(text)) throw refused("none of ? # @ \\ belongs to an address");
  return text;
}

function refused(why: string): HoldfastError {
  return new HoldfastError("invalid_argument", why);
}
