import { readAccessFile, secretIn } from "../access/access-file.ts";
import type { RedisOptions } from "./redis.ts";

/** How Redis is reached, as people say it. */
export interface RedisAccess {
  /** E.g. `redis://192.0.2.7:6379`. */
  readonly url: string;
  /** File whose first line is the password. Absent: none, or the one of the URL. */
  readonly passwordFile?: string | undefined;
  /** File of certificates (PEM) that the server's is signed by. Absent: those that Node knows. */
  readonly caFile?: string | undefined;
}

/** @throws HoldfastError `invalid_argument`, naming the option whose file cannot be read */
export function redisAccess({ url, passwordFile, caFile }: RedisAccess): RedisOptions {
  return {
    url,
    password: passwordFile === undefined ? undefined : secretIn("redis-password-file", passwordFile),
    ca: caFile === undefined ? undefined : readAccessFile("redis-ca-file", caFile),
  };
}
