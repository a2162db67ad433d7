import { refusedOption, secretIn } from "../access/access-file.ts";

/** How a cluster is reached. */
export interface ServerAccess {
  /** At least one, without a path; the next is taken when one does not answer. */
  readonly addresses: readonly URL[];
  /** For basic authentication, together with the password. Absent: none. */
  readonly user?: string | undefined;
  /** File whose first line is the password of `user`. */
  readonly passwordFile?: string | undefined;
  /** File whose first line is an API key, as the cluster encoded it. */
  readonly keyFile?: string | undefined;
  /** File of certificates (PEM) that the cluster's is signed by. Absent: those that Node knows. */
  readonly caFile?: string | undefined;
}

/** The header that says who asks. Undefined: nobody. @throws HoldfastError `invalid_argument`, naming the option */
export function authorizationOf({ user, passwordFile, keyFile }: ServerAccess): string | undefined {
  if (keyFile !== undefined) {
    if (user !== undefined)
      throw refusedOption("opensearch-user", "there is an --opensearch-key-file already; say one of them");
    return `ApiKey ${secretIn("opensearch-key-file", keyFile)}`;
  }
  if (user === undefined && passwordFile === undefined) return undefined;
  if (user === undefined)
    throw refusedOption("opensearch-password-file", "say whose password it is by --opensearch-user");
  if (passwordFile === undefined)
    throw refusedOption("opensearch-user", "say the password by --opensearch-password-file");
  const password = secretIn("opensearch-password-file", passwordFile);
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}
