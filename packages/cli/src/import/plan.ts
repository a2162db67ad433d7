import { Cidr, errorText, HoldfastError, type Identity, IpAddress } from "@holdfast/core";
import { labelsField, type Network } from "@holdfast/model";
import { addressIdentity, identityOf } from "./identity.ts";
import type { BadRow, ImportRow, ImportRows } from "./row.ts";

/** A claim that rows of the file become: two when a name has an address of each family. */
export interface PlannedClaim {
  readonly places: readonly string[];
  readonly tenant: string;
  readonly network: string;
  readonly identity: Identity;
  /** The name without what was added to it to tell several addresses of it apart. */
  readonly base: Identity;
  readonly addresses: readonly IpAddress[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface ImportPlan {
  readonly claims: readonly PlannedClaim[];
  readonly bad: readonly BadRow[];
}

/** Where rows go. */
export interface Mapping {
  /** Networks that there are. */
  readonly networks: readonly Network[];
  /** All rows go to this tenant; absent: as the file says. */
  readonly tenant?: string | undefined;
  /** All rows go to this network; absent: as the file says, else to the one that covers the address. */
  readonly network?: string | undefined;
  /** From a tenant or network of the file to `tenant`, `tenant/network` or `/network`. */
  readonly map: ReadonlyMap<string, string>;
}

interface PlacedRow extends ImportRow {
  readonly parsed: IpAddress;
  readonly target: Network;
}

/** Decides for each row which claim it becomes. Pure: what others have is for the controller to say. */
export function planImport({ rows, bad }: ImportRows, mapping: Mapping): ImportPlan {
  const refused: BadRow[] = [...bad];
  const placed: PlacedRow[] = [];
  const seen = new Map<string, ImportRow>();
  for (const row of rows) {
    try {
      const parsed = IpAddress.parse(row.address);
      checkLabels(row.labels);
      const target = targetOf(row, parsed, mapping);
      const key = `${target.tenant}/${target.name}/${parsed}`;
      const twin = seen.get(key);
      if (twin !== undefined) throw new HoldfastError("invalid_argument", `the same address as in ${twin.place}`);
      seen.set(key, row);
      placed.push({ ...row, parsed, target });
    } catch (error) {
      refused.push({ place: row.place, address: row.address, why: errorText(error) });
    }
  }
  return { claims: claimsOf(placed), bad: refused };
}

/** Rows of one name are one claim when each family comes once; else the first has the name, and the others have their address in theirs. */
function claimsOf(rows: readonly PlacedRow[]): readonly PlannedClaim[] {
  const claims = new Map<string, PlannedClaim>();
  for (const row of rows) {
    const { name: network, tenant } = row.target;
    const base = (row.name === undefined ? undefined : identityOf(row.name)) ?? addressIdentity(row.parsed);
    const key = `${tenant}/${network}/${base}`;
    const present = claims.get(key);
    const taken = present?.addresses.some((one) => IpAddress.family(one) === IpAddress.family(row.parsed));
    const claim = { places: [row.place], tenant, network, base, addresses: [row.parsed], labels: row.labels };
    if (present === undefined) claims.set(key, { ...claim, identity: base });
    else if (taken === true) {
      const identity = addressIdentity(row.parsed, base);
      claims.set(`${key}/${identity}`, { ...claim, identity });
    } else {
      claims.set(key, {
        ...present,
        places: [...present.places, row.place],
        addresses: [...present.addresses, row.parsed],
        labels: { ...row.labels, ...present.labels },
      });
    }
  }
  return [...claims.values()];
}

/** @throws HoldfastError `invalid_argument`, saying what is missing or in doubt. */
function targetOf(row: ImportRow, address: IpAddress, mapping: Mapping): Network {
  const tenant = mapping.tenant ?? mapped(row.tenant, mapping.map)?.tenant ?? mapped(row.network, mapping.map)?.tenant;
  const network =
    mapping.network ?? mapped(row.network, mapping.map)?.network ?? mapped(row.tenant, mapping.map)?.network;
  const wanted = tenant ?? (row.tenant === undefined ? undefined : nameOf(row.tenant));
  const named = network ?? (row.network === undefined ? undefined : nameOf(row.network));
  const inTenant = mapping.networks.filter((one) => wanted === undefined || one.tenant === wanted);
  if (inTenant.length === 0)
    throw doubt(`tenant ${wanted} has no network; map it with --map ${row.tenant ?? wanted}=TENANT`);
  const byName = named === undefined ? inTenant : inTenant.filter((one) => one.name === named);
  if (byName.length === 0) {
    throw doubt(
      `there is no network ${named}${wanted === undefined ? "" : ` in tenant ${wanted}`}; map it with --map ${row.network ?? named}=TENANT/NETWORK, or name one with --network`,
    );
  }
  const covering = byName.filter(({ subnets }) => subnets.some(({ prefix }) => Cidr.contains(prefix, address)));
  const [first, second] = covering;
  if (first === undefined) throw doubt(`out of range: no subnet of ${namesOf(byName)} covers ${address}`);
  if (second !== undefined) throw doubt(`${namesOf(covering)} cover ${address}; name one with --network and --tenant`);
  return first;
}

/** @throws HoldfastError `invalid_argument`, naming the label. */
function checkLabels(labels: ImportRow["labels"]): void {
  const [issue] = labelsField.safeParse(labels).error?.issues ?? [];
  if (issue === undefined) return;
  const [key] = issue.path;
  const [message] = issue.code === "invalid_key" ? issue.issues.map((inner) => inner.message) : [issue.message];
  throw doubt(key === undefined ? (message ?? "") : `label ${JSON.stringify(key)}: ${message}`);
}

/** `"blue/web"`, `"blue"` and `"/web"`. */
function mapped(name: string | undefined, map: Mapping["map"]) {
  const target = name === undefined ? undefined : map.get(name);
  if (target === undefined) return undefined;
  const [tenant = "", network] = target.split("/");
  return { tenant: tenant === "" ? undefined : tenant, network };
}

/** `"Blue Team"` gives `"blue-team"`. */
function nameOf(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
}

const MOST_NAMED = 3;

function namesOf(networks: readonly Network[]): string {
  const names = networks.slice(0, MOST_NAMED).map(({ tenant, name }) => `${tenant}/${name}`);
  return `${names.join(", ")}${networks.length > MOST_NAMED ? ` and ${networks.length - MOST_NAMED} more` : ""}`;
}

function doubt(message: string): HoldfastError {
  return new HoldfastError("invalid_argument", message);
}
