import type { Brand } from "./brand.ts";
import { HoldfastError } from "./errors.ts";

/** A VLAN id on the wire, 1 to 4094 (IEEE 802.1Q section 9.6: 0 and 4095 are reserved). */
export type VlanId = Brand<number, "VlanId">;

/** Companion of the type {@link VlanId}. */
export const VlanId = {
  /** @throws HoldfastError `invalid_argument`. */
  parse(value: number): VlanId {
    if (!Number.isInteger(value) || value < 1 || value > 4094) {
      throw new HoldfastError("invalid_argument", `VLAN ${value} is not between 1 and 4094`);
    }
    return value as VlanId;
  },
};

/** A VXLAN network identifier, 1 to 16777215 (RFC 7348 section 5; 0 is left out because switches read it as "none"). */
export type Vni = Brand<number, "Vni">;

/** Companion of the type {@link Vni}. */
export const Vni = {
  /** @throws HoldfastError `invalid_argument`. */
  parse(value: number): Vni {
    if (!Number.isInteger(value) || value < 1 || value > 0xffffff) {
      throw new HoldfastError("invalid_argument", `VNI ${value} is not between 1 and 16777215`);
    }
    return value as Vni;
  },
};
