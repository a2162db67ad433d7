import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AttachedPort, DatapathDriver, EndpointWiring, PolicyDatapath } from "../driver.ts";
import type { DriverTraits } from "./driver-context.ts";
import { wiring } from "./parties.ts";
import { policyEnforcement } from "./policy-enforcement.ts";
import { NO_CHANGE, program, REALM_SETS, rule } from "./policy-parties.ts";
import { policyRestarts } from "./policy-restart.ts";

/** A machine of its own, and what stands for the containers on it. */
export interface PolicyEnvironment extends AsyncDisposable {
  /** Opens a driver on the machine; again after `close`: as a restarted agent does. */
  open(): Promise<DatapathDriver>;
  /** Puts an attached interface into a sandbox. Absent: there are no packets. */
  readonly plug?: (port: AttachedPort, endpoint: EndpointWiring) => Promise<Party>;
}

/** What somebody tries. */
export interface Attempt {
  readonly protocol: "tcp" | "udp" | "icmp";
  readonly to: string;
  /** Not of ICMP. */
  readonly port?: number;
  /** Absent: any. */
  readonly sourcePort?: number;
  /** How much is said over UDP. Absent: 1. */
  readonly bytes?: number;
}

/** A sandbox that answers everything, and tries what it is told to. */
export interface Party {
  /** Whether an answer has come. */
  reaches(attempt: Attempt): Promise<boolean>;
  /** Speaks over UDP to a port that nobody listens at; whether the ICMP error about that has come. */
  isRefused(to: string, port: number): Promise<boolean>;
  /** Begins a connection over TCP that stays. */
  connect(to: string, port: number): Promise<StandingConnection>;
  /** Echoes that all belong to one connection. */
  echo(to: string): Promise<Pick<StandingConnection, "isAnswered">>;
  /** Says something on every connection that others have begun with it at the port, without having been asked. */
  speak(port: number): Promise<void>;
  /** Sends some messages of this type of ICMPv6, with the hop limit of any packet. */
  tells(to: string, icmpType: number): Promise<void>;
  /** Counts messages of this type of ICMPv6 that come, without those of the link itself, which kernels send when they like: their hop limit is 1 or 255. */
  listens(icmpType: number): Promise<() => Promise<number>>;
}

/** As who began it sees it. */
export interface StandingConnection {
  /** Asks, and waits for the answer. */
  isAnswered(): Promise<boolean>;
  /** Says nothing; whether the other end is heard, from now on and for so long as an answer would be waited for. */
  hears(): Promise<boolean>;
}

/** What each part of the suite is given, of the running test. */
export interface PolicyContext {
  readonly traits: DriverTraits;
  driver(): DatapathDriver;
  policy(): PolicyDatapath;
  signal(): AbortSignal;
  /** Attaches endpoints and gives them sandboxes. */
  place(endpoint: EndpointWiring): Promise<Party>;
  /** Closes the driver and opens another one, which is told the networks again. */
  restart(): Promise<void>;
  readonly endpoints: Readonly<Record<"a" | "b" | "c", EndpointWiring>>;
}

/** What every driver must do that enforces rule programs, whatever it enforces them with. */
export function policyCompliance(
  name: string,
  traits: DriverTraits & { readonly packets: boolean },
  start: () => Promise<PolicyEnvironment>,
): void {
  describe(`${name} as a data path of policies`, () => {
    let machine: PolicyEnvironment;
    let driver: DatapathDriver;
    let signal: AbortSignal;

    const open = async (): Promise<void> => {
      driver = await machine.open();
      driver.setNetwork(traits.networks.first);
      driver.setNetwork(traits.networks.other);
    };
    beforeEach(async () => {
      signal = AbortSignal.timeout(25_000);
      machine = await start();
      await open();
      // A machine forwards when its first run knows all that there is.
      if (traits.packets) await driver.synced(signal);
    });
    afterEach(async () => {
      await driver.close();
      await machine[Symbol.asyncDispose]();
    });

    const context: PolicyContext = {
      traits,
      endpoints: {
        a: wiring("a", "n7", ["10.20.0.5", "fd00:20::5"]),
        b: wiring("b", "n7", ["10.20.0.6", "fd00:20::6"]),
        c: wiring("c", "n8", ["10.30.0.5"]),
      },
      driver: () => driver,
      policy() {
        if (driver.policy === undefined) throw new TypeError("the driver enforces no policy");
        return driver.policy;
      },
      signal: () => signal,
      async place(endpoint) {
        const port = await driver.attach(endpoint, signal);
        if (machine.plug === undefined) throw new TypeError("no packets here");
        return await machine.plug(port, endpoint);
      },
      async restart() {
        await driver.close();
        await open();
      },
    };
    refusals(context);
    if (!traits.packets) return;
    policyEnforcement(context);
    policyRestarts(context);
  });
}

/** What is refused, and changes nothing. */
function refusals({ driver, policy, signal, endpoints: { a } }: PolicyContext): void {
  const open = program("default/open", {});

  describe("a change", () => {
    test("that refers to what is not there is refused with its name, and nothing of it is there", async () => {
      const noSet = policy().applyPolicy({ ...NO_CHANGE, programs: [open] }, signal());
      await expect(noSet).rejects.toMatchObject({
        code: "not_found",
        message: expect.stringContaining("tenant/default/v4"),
      });
      const noProgram = { ...NO_CHANGE, sets: REALM_SETS, endpoints: [{ endpoint: "a", program: "default/none" }] };
      await expect(policy().applyPolicy(noProgram, signal())).rejects.toMatchObject({ code: "not_found" });
      const edit = { id: "group/none/v4", remove: [], add: [] };
      const noSetToEdit = policy().applyPolicy({ ...NO_CHANGE, setEdits: [edit] }, signal());
      await expect(noSetToEdit).rejects.toThrow("group/none/v4");
      const guarded = { ...a, policy: { program: open.id } };
      await expect(driver().attach(guarded, signal())).rejects.toMatchObject({ code: "not_found" });
    });

    test("is in force for endpoints that are attached with it, and may come again", async () => {
      const change = { ...NO_CHANGE, sets: REALM_SETS, programs: [open] };
      await policy().applyPolicy(change, signal());
      await policy().applyPolicy(change, signal());
      await driver().attach({ ...a, policy: { program: open.id } }, signal());
      await policy().applyPolicy({ ...NO_CHANGE, setEdits: [], endpoints: [] }, signal());
      await driver().detach("a", signal());
    });

    test("does nothing when it was cancelled before", async () => {
      const cancelled = AbortSignal.abort(new TypeError("cancelled"));
      const change = { ...NO_CHANGE, sets: REALM_SETS, programs: [open] };
      await expect(policy().applyPolicy(change, cancelled)).rejects.toThrow("cancelled");
      const guarded = { ...a, policy: { program: open.id } };
      await expect(driver().attach(guarded, signal())).rejects.toMatchObject({ code: "not_found" });
    });

    test("takes programs and sets away with the last that needs them", async () => {
      const sets = REALM_SETS;
      const next = program("default/next", { ingress: { main: [[rule("rule/x", "deny")]] } });
      await policy().applyPolicy({ ...NO_CHANGE, sets, programs: [open] }, signal());
      await driver().attach({ ...a, policy: { program: open.id } }, signal());
      const endpoints = [{ endpoint: "a", program: next.id }];
      await policy().applyPolicy({ ...NO_CHANGE, programs: [next], programsGone: [open.id], endpoints }, signal());
      await expect(driver().attach({ ...a, policy: { program: open.id } }, signal())).rejects.toThrow(open.id);
      await driver().attach({ ...a, policy: { program: next.id } }, signal());
    });
  });
}
