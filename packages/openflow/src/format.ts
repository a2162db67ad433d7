import { FIELDS, type Field } from "./fields.ts";
import type { Action, Flow, FlowKey, Match } from "./flow.ts";
import { formatMatch } from "./format-match.ts";
import { formatPort, formatSetValue } from "./format-value.ts";
import { ETHERTYPE_VLAN, ReservedPort, VLAN_PRESENT } from "./protocol.ts";

/** Priority that ovs-ofctl does not print (OFP_DEFAULT_PRIORITY). */
const DEFAULT_PRIORITY = 32_768;

/**
 * What `ovs-ofctl -O OpenFlow14 dump-flows --no-stats --names=no` of Open vSwitch 3.1 prints for a flow, e.g.
 * `"cookie=0x1, table=2, priority=100,arp,arp_tpa=10.0.0.1,arp_op=1 actions=drop"`.
 *
 * Two flows do the same exactly when their texts are equal, whatever form their masks were given in.
 */
export function formatFlow(flow: Flow): string {
  const match = formatPriorityAndMatch(flow.priority, flow.match);
  return [
    flow.cookie === 0n ? "" : `cookie=0x${flow.cookie.toString(16)}, `,
    flow.table === 0 ? "" : `table=${flow.table}, `,
    match === "" ? "" : `${match} `,
    `actions=${formatActions(flow.actions)}`,
  ].join("");
}

/** One text per flow identity, e.g. `"table=2, priority=100,arp"`: equal exactly when a switch says that two flows are the same entry. */
export function flowKey(key: FlowKey): string {
  const match = formatMatch(key.match);
  return `table=${key.table}, priority=${key.priority}${match === "" ? "" : `,${match}`}`;
}

/** The actions as ovs-ofctl prints them, e.g. `"load:…,output:3"`; no actions are `"drop"`. */
export function formatActions(actions: readonly Action[]): string {
  return actions.length === 0 ? "drop" : actions.map(formatAction).join(",");
}

function formatPriorityAndMatch(priority: number, match: Match): string {
  const parts = [priority === DEFAULT_PRIORITY ? "" : `priority=${priority}`, formatMatch(match)];
  return parts.filter((part) => part !== "").join(",");
}

function formatAction(action: Action): string {
  switch (action.kind) {
    case "output":
      return formatOutput(action.port);
    case "output-in-port":
      return "IN_PORT";
    case "normal":
      return "NORMAL";
    case "output-register":
      return `output:${subfield(FIELDS[action.register])}`;
    case "resubmit":
      return action.table === 255 ? "resubmit(,)" : `resubmit(,${action.table})`;
    case "set-field":
      return `set_field:${formatSetValue(FIELDS[action.field], action.value)}->${FIELDS[action.field].name}`;
    case "move":
      return `move:${subfield(FIELDS[action.from])}->${subfield(FIELDS[action.to])}`;
    case "push-vlan":
      return `push_vlan:0x${ETHERTYPE_VLAN.toString(16)},set_field:${VLAN_PRESENT | action.vlan}->vlan_vid`;
    case "pop-vlan":
      return "pop_vlan";
    case "dec-ttl":
      return "dec_ttl";
    case "translate": {
      const { zone, table, destination } = action;
      const [commit, nat] = destination === undefined ? ["", "nat"] : ["commit,", `nat(dst=${destination})`];
      return `ct(${commit}table=${table},zone=${zone},${nat})`;
    }
    case "track":
      return `ct(table=${action.table},zone=${action.zone})`;
    case "commit":
      return `ct(commit,zone=${subfield(FIELDS.ct_zone)}${formatMark(action.mark)})`;
    case "conjunction":
      return `conjunction(${action.id},${action.clause}/${action.of})`;
    case "tell":
      return `controller(meter_id=${action.meter})`;
    case "meter":
      return `meter:${action.id}`;
    case "opaque":
      return `${action.layer}(0x${action.bytes})`;
  }
}

function formatMark(mark: number | undefined): string {
  return mark === undefined ? "" : `,exec(set_field:0x${mark.toString(16)}->${FIELDS.ct_mark.name})`;
}

function formatOutput(port: number): string {
  if (port === ReservedPort.controller) return "CONTROLLER:65535";
  const text = formatPort(port);
  return /^\d/.test(text) ? `output:${text}` : text;
}

function subfield(field: Field): string {
  return `${field.symbol}[]`;
}
