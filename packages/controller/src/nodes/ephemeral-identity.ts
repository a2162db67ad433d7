import { Identity } from "@holdfast/core";

/** Of a claim that nobody chose: it says whose it is. An endpoint's id may end in a hyphen, an identity may not. */
export function ephemeralIdentity(endpoint: string): Identity {
  return Identity.parse(`ephemeral/${endpoint}${endpoint.endsWith("-") ? "0" : ""}`);
}
