import { MOST_RUNTIME_ENDPOINT } from "@holdfast/model";
import { attachmentKey } from "../attachment-key.ts";
import { CniError, CniErrorCode } from "../protocol/cni-error.ts";
import type { SandboxCall } from "../protocol/invocation.ts";

/** Keys of `CNI_ARGS` that mean something here, or that runtimes hand to every plugin. */
const KNOWN_ARGS =
  /^(IgnoreUnknown|IP|MAC|HOLDFAST_(IDENTITY|NETWORK|RETENTION|LABELS)|K8S_POD_(NAME|NAMESPACE|UID|INFRA_CONTAINER_ID)|NOMAD_[A-Z_]+)$/;

/** Capabilities by which something is promised that is not done here, and who does it. What nobody knows promises nothing. */
const UNKEPT: Readonly<Record<string, string>> = {
  aliases: "declare it at a plugin that answers DNS, chained after this one",
};

/**
 * What is asked for and would not be done: better no container than one without what was promised.
 *
 * @throws CniError that names the key and its value.
 */
export function refuseUnkept(call: SandboxCall): void {
  refuseUnknownArgs(call.args);
  const { length } = attachmentKey(call);
  if (length > MOST_RUNTIME_ENDPOINT) {
    const text = `the names of configuration ${call.config.name}, container and interface have ${length} characters with two slashes`;
    throw new CniError(
      CniErrorCode.invalidConfig,
      `${text}, and at most ${MOST_RUNTIME_ENDPOINT} are kept; shorten "name"`,
    );
  }
  for (const [key, remedy] of Object.entries(UNKEPT)) {
    const value = call.config.runtimeConfig[key];
    if (isEmpty(value)) continue;
    throw unsupported(`runtimeConfig.${key} ${JSON.stringify(value).slice(0, 200)} is not carried out here; ${remedy}`);
  }
}

/** CNI's conventions: who sends a key that a plugin does not know says `IgnoreUnknown=1`. */
function refuseUnknownArgs(args: ReadonlyMap<string, string>): void {
  const ignored = args.get("IgnoreUnknown") ?? "false";
  if (/^(1|t|true)$/i.test(ignored)) return;
  if (!/^(0|f|false|)$/i.test(ignored)) {
    throw invalidArgs(`CNI_ARGS has IgnoreUnknown=${ignored}, which is neither true nor false`);
  }
  const unknown = [...args.keys()].find((key) => !KNOWN_ARGS.test(key));
  if (unknown === undefined) return;
  throw invalidArgs(
    `CNI_ARGS has ${unknown}=${args.get(unknown)}, which means nothing here; leave it out, or add IgnoreUnknown=1`,
  );
}

/** Runtimes hand on what they have, also when it is nothing: `{"ingressRate": 0}`. */
function isEmpty(value: unknown): boolean {
  if (typeof value !== "object" || value === null)
    return value === undefined || value === null || value === "" || value === 0;
  return Object.values(value).every(isEmpty);
}

function unsupported(message: string): CniError {
  return new CniError(CniErrorCode.unsupportedField, message);
}

function invalidArgs(message: string): CniError {
  return new CniError(CniErrorCode.invalidEnvironment, message);
}
