import { assert, HoldfastError, MacAddress } from "@holdfast/core";

import type { Kernel } from "../kernel.ts";
import { KernelError } from "../kernel-error.ts";
import { errnoNumber } from "../libc.ts";
import type { FakeNamespace } from "./fake-namespace.ts";

/** An operation of the kernel that can be told to fail. */
export type KernelOperation = Exclude<keyof Kernel, "watch" | "close">;

/** What all namespaces of a fake machine have in common. */
export class FakeMachine {
  readonly namespaces = new Map<string, FakeNamespace>();
  readonly files = new Set<string>();
  readonly #failures: { readonly operation: KernelOperation; readonly errnoName: string }[] = [];
  #lastMac = 0;

  failNext(operation: KernelOperation, errnoName: string): void {
    assert(errnoNumber(errnoName) !== undefined, `${errnoName} is the name of an errno`);
    this.#failures.push({ operation, errnoName });
  }

  /** Where each operation begins: a failure that a test ordered strikes here. */
  begin(operation: KernelOperation, task: string): void {
    const index = this.#failures.findIndex((failure) => failure.operation === operation);
    const [failure] = index < 0 ? [] : this.#failures.splice(index, 1);
    if (failure !== undefined) throw refusal(task, failure.errnoName);
  }

  namespace(path: string): FakeNamespace {
    const namespace = this.namespaces.get(path);
    if (namespace !== undefined) return namespace;
    if (this.files.has(path)) throw new HoldfastError("invalid_argument", `${path} is not a network namespace`);
    throw new HoldfastError("not_found", `there is no network namespace ${path}: no such file`);
  }

  nextMac(): MacAddress {
    const number = ++this.#lastMac;
    return MacAddress.fromBytes(Uint8Array.of(0x02, 0xfa, 0xce, 0, number >> 8, number & 0xff));
  }
}

/** The error of a kernel that refuses a task, e.g. `refusal("set link h1", "EEXIST")`. */
export function refusal(task: string, name: string): KernelError {
  const errno = errnoNumber(name);
  assert(errno !== undefined, `${name} is the name of an errno`);
  return new KernelError({ task, errno });
}
