import type { Family, Name } from "@holdfast/core";
import type { LabelSelector } from "@holdfast/model";
import type { SetId } from "./rule-program.ts";
import { selectorText } from "./selector.ts";
import { textHash } from "./text-hash.ts";

/** What is in a set. `foreign`: only what other tenants can reach of it, for their rules. */
export type SetSource =
  | { readonly kind: "platform" }
  | { readonly kind: "tenant"; readonly tenant: Name; readonly foreign: boolean }
  | { readonly kind: "network"; readonly tenant: Name; readonly network: Name }
  | { readonly kind: "group"; readonly tenant: Name; readonly group: Name; readonly foreign: boolean }
  | {
      readonly kind: "selector";
      readonly tenant: Name;
      readonly selector: LabelSelector;
      readonly networks?: readonly Name[] | undefined;
    }
  | { readonly kind: "addresses"; readonly tenant: Name; readonly set: Name };

/** The same for the same source, e.g. `"group/default/web/v4"`, `"foreign-group/billing/db/v6"`, `"platform/v4"`. */
export function setIdOf(source: SetSource, family: Family): SetId {
  return `${sourceKey(source)}/${family}`;
}

/** What every program of a tenant tells remotes apart by. */
export function realmSources(tenant: Name): readonly SetSource[] {
  return [{ kind: "tenant", tenant, foreign: false }, { kind: "platform" }];
}

/** {@link setIdOf} without the family. */
export function sourceKey(source: SetSource): string {
  switch (source.kind) {
    case "platform":
      return "platform";
    case "tenant":
      return `${source.foreign ? "foreign-tenant" : "tenant"}/${source.tenant}`;
    case "network":
      return `network/${source.tenant}/${source.network}`;
    case "group":
      return `${source.foreign ? "foreign-group" : "group"}/${source.tenant}/${source.group}`;
    case "selector": {
      const networks = [...new Set(source.networks)].sort();
      return `selector/${source.tenant}/${textHash(JSON.stringify([selectorText(source.selector), networks]))}`;
    }
    case "addresses":
      return `addresses/${source.tenant}/${source.set}`;
  }
}
