import { describe, expect, test } from "vitest";
import { from, program, rule, tcp, udp } from "../../../testing/policy-parties.ts";
import { kernelSets, type Mode } from "./names.ts";
import { groundScript, programScript } from "./policy-script.ts";
import { programChains } from "./program-chains.ts";

const web = program("default/0c2e", {
  ingress: {
    end: "deny",
    main: [
      [
        rule("rule/default/admin/ingress/scanner", "deny", {
          remote: from("192.0.2.0/24", "198.51.100.128/25"),
          log: true,
        }),
        rule("rule/default/admin/ingress/ping", "pass", { services: [{ protocol: 1, icmp: { type: 8, code: 0 } }] }),
      ],
      [
        rule("rule/default/web/ingress/https", "allow", { services: [tcp(80, 443)] }),
        rule("rule/default/web/ingress/proxy", "allow", {
          remote: from("group/default/proxy/v4"),
          services: [{ protocol: 6, destinationPorts: [{ first: 443, last: 500 }] }],
        }),
        rule("rule/default/web/ingress/office", "allow", {
          remote: from("10.1.0.0/16", "group/default/office/v4"),
          services: [{ ...tcp(8080), sourcePorts: [{ first: 1024, last: 65_535 }] }, { protocol: 47 }],
        }),
      ],
    ],
  },
  egress: {
    foreign: [[rule("rule/default/web/egress/dns", "allow", { remote: from("10.30.0.53/32"), services: [udp(53)] })]],
  },
});

describe("a program as nft's text", () => {
  test.each<Mode>(["enforced", "staged"])("%s", async (mode) => {
    const chains = programChains(web, mode);
    const sets = [...chains.sets].map((id) => {
      const [type, { addresses, prefixes }] = [id.endsWith("v6") ? "ipv6_addr" : "ipv4_addr", kernelSets(id)];
      const set = (name: string, flags: string) => `add set inet holdfast_policy ${name} { type ${type}; ${flags}}\n`;
      return set(addresses, "") + set(prefixes, "flags interval; ");
    });
    const text = `${groundScript("hfr")}${sets.join("")}${programScript(chains)}`;
    await expect(text).toMatchFileSnapshot(`testdata/${mode}.nft`);
  });

  test("names its chains by what they say, so that a version shares what has not changed", () => {
    const [before, after] = [web, { ...web, v4: { ...web.v4, egress: program("default/0c2e", {}).v4.egress } }].map(
      (version) => programChains(version, "enforced").chains,
    );
    const changed = [...(after ?? [])].filter(([name, rules]) => String(before?.get(name)) !== String(rules));
    expect(changed.map(([name]) => name.split("/")[0])).toEqual(["enforced"]);
  });

  test("is as long as its rules, whatever they look like", () => {
    const count = 2000;
    const nested = Array.from({ length: count }, (_, index) =>
      rule(`rule/${index}`, "allow", {
        remote: from(`group/g${index}/v4`),
        services: [{ protocol: 6, destinationPorts: [{ first: index, last: 65_535 - index }] }],
      }),
    );
    const { chains } = programChains(program("default/nested", { ingress: { main: [nested] } }), "enforced");
    const lines = [...chains.values()].reduce((sum, rules) => sum + rules.length, 0);
    expect(lines).toBeLessThan(60 * count);
  });
});
