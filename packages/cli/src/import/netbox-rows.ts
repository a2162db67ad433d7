import { errorText, HoldfastError } from "@holdfast/core";
import { type BadRow, type ImportRow, type ImportRows, importedLabels } from "./row.ts";

/** What is read of an address object of NetBox (`/api/ipam/ip-addresses/`); everything else is passed over. */
interface NetboxAddress {
  readonly address?: unknown;
  readonly dns_name?: unknown;
  readonly description?: unknown;
  readonly status?: unknown;
  readonly role?: unknown;
  readonly tenant?: unknown;
  readonly vrf?: unknown;
  readonly assigned_object?: unknown;
  readonly tags?: unknown;
}

/**
 * Addresses of a NetBox export: the reply of `/api/ipam/ip-addresses/`, several of them in a list, or the list of objects alone. The name is the DNS
 * name, else that of the machine or interface that the address is assigned to.
 *
 * @throws HoldfastError `invalid_argument` when the file as a whole cannot be read.
 */
export function netboxRows(text: string): ImportRows {
  const rows: ImportRow[] = [];
  const bad: BadRow[] = [];
  for (const [index, object] of objectsIn(text).entries()) {
    const place = `result ${index + 1}`;
    const { address } = object;
    if (typeof address === "string") rows.push(rowOf(place, address, object));
    else bad.push({ place, address: "", why: "it has no address" });
  }
  return { rows, bad };
}

function rowOf(place: string, address: string, object: NetboxAddress): ImportRow {
  const assigned = named(object.assigned_object);
  const machine = text(at(object.assigned_object, "device")) ?? text(at(object.assigned_object, "virtual_machine"));
  const name = text(object.dns_name) ?? machine ?? assigned;
  const network = text(object.vrf);
  const tenant = text(at(object.tenant, "slug")) ?? text(object.tenant);
  const labels = importedLabels({
    description: text(object.description),
    status: text(object.status),
    role: text(object.role),
    interface: machine === undefined ? undefined : assigned,
    mac: text(at(object.assigned_object, "mac_address"))?.toLowerCase(),
    tags: Array.isArray(object.tags)
      ? object.tags.flatMap((tag) => text(at(tag, "slug")) ?? text(tag) ?? []).join(",")
      : undefined,
  });
  return {
    place,
    address: address.replace(/\/\d+$/, ""),
    ...(name === undefined ? {} : { name }),
    ...(network === undefined ? {} : { network }),
    ...(tenant === undefined ? {} : { tenant }),
    labels,
  };
}

function objectsIn(content: string): readonly NetboxAddress[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch (error) {
    throw new HoldfastError("invalid_argument", `not JSON: ${errorText(error)}`);
  }
  const objects = (Array.isArray(parsed) ? parsed : [parsed]).flatMap((one: unknown) => at(one, "results") ?? one);
  const [first] = objects;
  if (objects.length > 0 && (typeof first !== "object" || first === null)) {
    throw new HoldfastError("invalid_argument", "no address objects of NetBox; export /api/ipam/ip-addresses/?limit=0");
  }
  return objects as readonly NetboxAddress[];
}

function at(object: unknown, field: string): unknown {
  return typeof object === "object" && object !== null ? (object as Record<string, unknown>)[field] : undefined;
}

/** A text, or the name of an object that stands for one: choices have a `value`, others a `name` or what is shown of them. */
function text(value: unknown): string | undefined {
  if (typeof value === "string") return value.trim() === "" ? undefined : value.trim();
  return ["value", "name", "display"].map((field) => at(value, field)).find((one) => typeof one === "string") as
    | string
    | undefined;
}

function named(value: unknown): string | undefined {
  return text(at(value, "name"));
}
