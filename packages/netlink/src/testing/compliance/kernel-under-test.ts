import { IpAddress, MacAddress } from "@holdfast/core";
import { afterEach, beforeEach } from "vitest";

import type { Kernel } from "../../kernel.ts";

/** What the suite needs around a kernel. */
export interface KernelEnvironment extends AsyncDisposable {
  /** In a namespace with nothing but `lo`. */
  readonly kernel: Kernel;
  /** Makes one more such namespace; gives its path. */
  createNamespace(): Promise<string>;
  removeNamespace(path: string): Promise<void>;
  /** A file that is no namespace. */
  readonly plainFile: string;
  /** Makes a bridge where `kernel` is. */
  createBridge(name: string): Promise<void>;
}

export const MTU = 1450;
export const MAC = MacAddress.parse("02:00:0a:01:00:02");
export const address = (text: string): IpAddress => IpAddress.parse(text);

/** The other namespace that `attach` makes; disposing closes its kernel. */
interface AttachedNamespace extends AsyncDisposable {
  readonly path: string;
  readonly inside: Kernel;
}

/** What the tests of a subject share; each test has a fresh environment, so read it within a test or a `beforeEach`. */
export interface KernelUnderTest {
  readonly environment: KernelEnvironment;
  readonly kernel: Kernel;
  /** A veth `h1` whose other end `eth0` is in another namespace; both up, `h1` 10.1.0.1/24, `eth0` 10.1.0.2/24. */
  readonly attach: () => Promise<AttachedNamespace>;
}

/** Registers the hooks that make an environment for each test and take it away after. */
export function kernelUnderTest(makeEnvironment: () => Promise<KernelEnvironment>): KernelUnderTest {
  let environment: KernelEnvironment;
  beforeEach(async () => {
    environment = await makeEnvironment();
  });
  afterEach(async () => {
    await environment[Symbol.asyncDispose]();
  });
  return {
    get environment() {
      return environment;
    },
    get kernel() {
      return environment.kernel;
    },
    attach: async () => await attach(environment),
  };
}

async function attach(environment: KernelEnvironment): Promise<AttachedNamespace> {
  const { kernel } = environment;
  const path = await environment.createNamespace();
  const inside = await kernel.enter(path);
  await kernel.createVeth({ name: "h1", peer: "eth0", peerMac: MAC, peerNamespace: path, mtu: MTU, up: true });
  await inside.setLink("eth0", { up: true });
  await kernel.replaceAddress({ link: "h1", address: address("10.1.0.1"), length: 24 });
  await inside.replaceAddress({ link: "eth0", address: address("10.1.0.2"), length: 24 });
  return {
    path,
    inside,
    async [Symbol.asyncDispose]() {
      await inside.close();
    },
  };
}
