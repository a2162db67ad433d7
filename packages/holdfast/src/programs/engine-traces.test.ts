import { describe, expect, test } from "vitest";
import { forwardPolicy, withoutDocker } from "./engine-traces.ts";

const SAVED = `*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 10.9.0.0/16 -o eth0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [3:180]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -i eth0 -j ACCEPT
-A DOCKER-USER -j RETURN
COMMIT
`;

describe("what dockerd leaves in iptables", () => {
  test("goes, and what others have made stays", () => {
    expect(withoutDocker(SAVED, "ACCEPT")).toBe(`*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 10.9.0.0/16 -o eth0 -j MASQUERADE
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [3:180]
-A FORWARD -i eth0 -j ACCEPT
COMMIT
`);
  });

  test("the policy of FORWARD is what it was before", () => {
    expect(forwardPolicy(SAVED)).toBe("DROP");
    expect(forwardPolicy("")).toBe("ACCEPT");
    expect(withoutDocker(SAVED, "DROP")).toContain(":FORWARD DROP [3:180]");
  });
});
