import { HoldfastError, isHoldfastError } from "@holdfast/core";
import { type Document, documentSchema, networkPolicySchema } from "@holdfast/model";
import { translateNetworkPolicy } from "@holdfast/policy";
import { parseAllDocuments } from "yaml";

/** A document, and which of its fields were written down: the others have defaults, which are for what is made anew. */
export interface Written<K extends Document["kind"] = Document["kind"]> {
  readonly document: Extract<Document, { kind: K }>;
  /** `says("spec", "subnets", 0, "gateway")`. */
  says(...path: readonly (string | number)[]): boolean;
}

/**
 * Parses a file of several YAML or JSON documents.
 *
 * @throws HoldfastError `invalid_argument` with file, number of the document and field.
 */
export function parseDocuments(file: string, text: string): Written[] {
  const found = parseAllDocuments(text).flatMap((parsed, index) => {
    const where = `${file}, document ${index + 1}`;
    const [problem] = parsed.errors;
    if (problem !== undefined) throw new HoldfastError("invalid_argument", `${where}: ${problem.message}`);
    const value: unknown = parsed.toJS();
    return value === null || value === undefined ? [] : [writtenOf(where, value)];
  });
  if (found.length === 0) throw new HoldfastError("invalid_argument", `${file} holds no document`);
  return found;
}

const KINDS = [
  "Tenant",
  "Network",
  "QosProfile",
  "Claim",
  "Group",
  "AddressSet",
  "Policy",
  "FlowAlarm",
] as const satisfies readonly Document["kind"][];

/** Tenants first, policies and alarms last, whatever their order in the file: what is named comes before what names it. */
export function inOrder(documents: readonly Written[]): Written[] {
  return [...documents].sort((a, b) => KINDS.indexOf(a.document.kind) - KINDS.indexOf(b.document.kind));
}

function writtenOf(where: string, written: unknown): Written {
  const value = valueAt(written, ["apiVersion"]) === KUBERNETES ? translated(where, written) : written;
  const parsed = documentSchema.safeParse(value);
  if (!parsed.success) throw invalid(where, value, parsed.error.issues[0]);
  const { data } = parsed;
  if (data.kind === "Claim") checkPlace(where, data);
  return { document: data, says: (...path) => valueAt(value, path) !== undefined };
}

const KUBERNETES = "networking.k8s.io/v1";

/** A NetworkPolicy is applied as the policy that does the same. */
function translated(where: string, value: unknown): unknown {
  const parsed = networkPolicySchema.safeParse(value);
  if (!parsed.success) throw invalidField(where, "NetworkPolicy", parsed.error.issues[0]);
  try {
    return translateNetworkPolicy(parsed.data);
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    throw new HoldfastError(error.code, `${where}: ${error.message}`, { details: error.details });
  }
}

interface Issue {
  readonly code?: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
}

function invalid(where: string, value: unknown, issue: Issue | undefined): HoldfastError {
  const kind = valueAt(value, ["kind"]);
  const known = KINDS.find((one) => one === kind);
  if (known === undefined) {
    const said = kind === undefined ? "is not there" : `${JSON.stringify(kind)} is unknown`;
    return new HoldfastError("invalid_argument", `${where}: kind: ${said}; there are ${KINDS.join(", ")}`);
  }
  return invalidField(where, known, issue);
}

function invalidField(where: string, kind: string, issue: Issue | undefined): HoldfastError {
  const { path = [], message = "not a document", code, keys = [] } = issue ?? {};
  const [unknown] = code === "unrecognized_keys" ? keys : [];
  const field = [...path, ...(unknown === undefined ? [] : [unknown])].join(".");
  const reason = unknown === undefined ? message : `there is no such field in a ${kind}`;
  return new HoldfastError("invalid_argument", `${where}: ${field === "" ? "" : `${field}: `}${reason}`);
}

function checkPlace(where: string, { metadata, spec }: Extract<Document, { kind: "Claim" }>): void {
  if ((metadata.network === undefined) !== (spec.selector === undefined)) return;
  const reason = "metadata.network or spec.selector: exactly one of them says where the claim is";
  throw new HoldfastError("invalid_argument", `${where}: ${reason}`);
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, step)) return undefined;
    found = (found as Record<string | number, unknown>)[step];
  }
  return found;
}
