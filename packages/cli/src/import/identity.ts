import { Identity, IpAddress } from "@holdfast/core";

const MOST_PARTS = 8;
const LONGEST = 253;

/**
 * The identity that a name of another address book becomes: what an identity may not hold becomes `-`, each part begins and ends with a letter or
 * digit, parts beyond the eighth are joined by `-`, and what is too long is cut. `"Web Server (old).example.com."` gives `"Web-Server-old-.example.com"`.
 * Undefined: nothing of the name is left.
 */
export function identityOf(name: string): Identity | undefined {
  const parts = name
    .normalize("NFKD")
    .replaceAll(/[\u0300-\u036f]/g, "")
    .split("/")
    .map((part) => trimmed(part.replaceAll(/[^A-Za-z0-9._-]+/g, "-")))
    .filter((part) => part !== "");
  const joined = [...parts.slice(0, MOST_PARTS - 1), parts.slice(MOST_PARTS - 1).join("-")].filter(
    (part) => part !== "",
  );
  const text = trimmed(joined.join("/").slice(0, LONGEST));
  return text === "" ? undefined : Identity.parse(text);
}

/** For an address that has no name: `"imported/10.20.0.7"`, `"imported/fd00-0-0-0-0-0-0-7"`. */
export function addressIdentity(address: IpAddress, prefix = "imported"): Identity {
  return Identity.parse(`${prefix}/${addressPart(address)}`);
}

function addressPart(address: IpAddress): string {
  if (IpAddress.family(address) === "v4") return address;
  const bytes = IpAddress.toBytes(address);
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0));
  return groups.map((group) => group.toString(16)).join("-");
}

/** Without what may not stand at its ends. */
function trimmed(text: string): string {
  return text.replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "");
}
