import { Cidr, type IpAddress, type Name } from "@holdfast/core";
import type { PolicyWorld } from "../evaluate.ts";
import type { Member, PolicyGroup, PolicyNetwork, PolicySpec, PolicyTenant } from "../world.ts";

/** Everything in lists: what the evaluator asks, and what the compiler reads. */
export class PlainWorld implements PolicyWorld {
  readonly tenantList: PolicyTenant[] = [];
  readonly networkList: PolicyNetwork[] = [];
  readonly groupList: PolicyGroup[] = [];
  readonly policyList: PolicySpec[] = [];
  readonly memberList: Member[] = [];
  /** By `TENANT/SET`. */
  readonly addressSets = new Map<string, Cidr[]>();

  tenant(name: Name): PolicyTenant | undefined {
    return this.tenantList.find((tenant) => tenant.name === name);
  }
  network(tenant: Name, name: Name): PolicyNetwork | undefined {
    return this.networkList.find((network) => network.tenant === tenant && network.name === name);
  }
  networksAt(address: IpAddress): PolicyNetwork[] {
    return this.networkList.filter(({ prefixes }) => prefixes.some((prefix) => Cidr.contains(prefix, address)));
  }
  policies(tenant: Name): PolicySpec[] {
    return this.policyList.filter((policy) => policy.tenant === tenant);
  }
  group(tenant: Name, name: Name): PolicyGroup | undefined {
    return this.groupList.find((group) => group.tenant === tenant && group.name === name);
  }
  memberAt(tenant: Name, address: IpAddress): Member | undefined {
    return this.memberList.find((member) => member.tenant === tenant && member.addresses.includes(address));
  }
  addressSetHas(tenant: Name, set: Name, address: IpAddress): boolean {
    return this.entries(tenant, set).some((prefix) => Cidr.contains(prefix, address));
  }
  members(tenant: Name): Member[] {
    return this.memberList.filter((member) => member.tenant === tenant);
  }
  entries(tenant: Name, set: Name): Cidr[] {
    return this.addressSets.get(`${tenant}/${set}`) ?? [];
  }
}
