import { type FakeOvsdbOptions, startFakeOvsdbServer } from "./fake-ovsdb-server.ts";
import { type OvsdbSubject, ovsdbCompliance } from "./ovsdb-compliance.ts";

async function startFake(options: FakeOvsdbOptions): Promise<OvsdbSubject> {
  const devices = new Set<string>();
  const fake = await startFakeOvsdbServer({ ...options, deviceExists: (name) => devices.has(name) });
  return {
    path: fake.path,
    async addDevice(name) {
      devices.add(name);
      fake.devicesChanged();
    },
    async restartDatabase() {
      fake.dropConnections();
    },
    [Symbol.asyncDispose]: () => fake.stop(),
  };
}

ovsdbCompliance("a fake server", () => startFake({}));
ovsdbCompliance("a fake server without history", () => startFake({ history: 0 }));
ovsdbCompliance("a fake server that knows monitor_cond", () =>
  startFake({ monitorMethods: ["monitor", "monitor_cond"] }),
);
ovsdbCompliance("a fake server that knows RFC 7047 only", () => startFake({ monitorMethods: ["monitor"] }));
