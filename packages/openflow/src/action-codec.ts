import { HoldfastError } from "@holdfast/core";
import { readConntrack, writeCommit, writeConntrack, writeTranslation } from "./conntrack-codec.ts";
import { FIELDS, fieldMaximum, fieldNameOfHeader, isActionField } from "./fields.ts";
import type { Action, FieldName } from "./flow.ts";
import { isRegister } from "./match-fields.ts";
import {
  ActionType,
  APPLY_ACTIONS,
  CONTROLLER_METER,
  ETHERTYPE_VLAN,
  METER_INSTRUCTION,
  NICIRA,
  NiciraAction,
  ReservedPort,
  VLAN_PRESENT,
} from "./protocol.ts";
import { ByteReader, type ByteWriter } from "./wire.ts";

/** OFPCML_NO_BUFFER: the controller gets the whole packet. */
const WHOLE_PACKET = 0xffff;

/** OFPP_IN_PORT as the 16-bit number that Nicira actions use. */
const IN_PORT_16 = 0xfff8;

/** Writes the instructions of a flow: a meter's, and one OFPIT_APPLY_ACTIONS; none for a drop (OpenFlow 1.4 section 7.2.4). */
export function writeInstructions(writer: ByteWriter, actions: readonly Action[]): void {
  writeMeter(writer, actions);
  const applied = actions.filter(isApplied);
  if (applied.length > 0) {
    const start = writer.length;
    writer.u16(APPLY_ACTIONS).u16(0).zeros(4);
    writeActions(writer, applied);
    writer.patch16(start + 2, writer.length - start);
  }
  for (const action of actions) {
    if (action.kind === "opaque" && action.layer === "instruction") writer.bytes(Buffer.from(action.bytes, "hex"));
  }
}

function isApplied(action: Action): boolean {
  return action.kind !== "meter" && (action.kind !== "opaque" || action.layer === "action");
}

function writeMeter(writer: ByteWriter, actions: readonly Action[]): void {
  for (const [index, action] of actions.entries()) {
    if (action.kind !== "meter") continue;
    if (index > 0)
      throw new HoldfastError("invalid_argument", `meter ${action.id} is not the first action of its flow`);
    writer.u16(METER_INSTRUCTION).u16(8).u32(action.id);
  }
}

export function readInstructions(reader: ByteReader): Action[] {
  const actions: Action[] = [];
  while (reader.remaining > 0) {
    const type = reader.u16();
    const length = reader.u16();
    const body = reader.bytes(length - 4);
    if (type === APPLY_ACTIONS) actions.push(...readActions(new ByteReader(body.subarray(4))));
    else if (type === METER_INSTRUCTION) actions.unshift({ kind: "meter", id: body.readUInt32BE(0) });
    else actions.push({ kind: "opaque", layer: "instruction", bytes: tlvHex(type, length, body) });
  }
  return actions;
}

export function writeActions(writer: ByteWriter, actions: readonly Action[]): void {
  for (const action of actions) writeAction(writer, action);
}

/** Reads a list of actions; `push_vlan` with the `set_field` of its id is one action of ours. */
export function readActions(reader: ByteReader): Action[] {
  const actions: Action[] = [];
  while (reader.remaining > 0) {
    const type = reader.u16();
    const length = reader.u16();
    const body = reader.bytes(length - 4);
    const vlan = pushedVlan(actions.at(-1), type, body);
    if (vlan !== undefined) actions.splice(-1, 1, { kind: "push-vlan", vlan });
    else actions.push(readAction(type, body) ?? { kind: "opaque", layer: "action", bytes: tlvHex(type, length, body) });
  }
  return actions;
}

function writeAction(writer: ByteWriter, action: Action): void {
  switch (action.kind) {
    case "output":
      writeOutput(writer, action.port);
      return;
    case "output-in-port":
      writeOutput(writer, ReservedPort.inPort);
      return;
    case "normal":
      writeOutput(writer, ReservedPort.normal);
      return;
    case "output-register":
      nicira(writer, 24, NiciraAction.outputRegister).u16(31).u32(FIELDS[action.register].header).u16(0).zeros(6);
      return;
    case "resubmit":
      nicira(writer, 16, NiciraAction.resubmitTable).u16(IN_PORT_16).u8(action.table).zeros(3);
      return;
    case "set-field":
      writeSetField(writer, action);
      return;
    case "move":
      writeMove(writer, action);
      return;
    case "push-vlan":
      writer.u16(ActionType.pushVlan).u16(8).u16(ETHERTYPE_VLAN).zeros(2);
      writer
        .u16(ActionType.setField)
        .u16(16)
        .u32(FIELDS.vlan_vid.header)
        .u16(VLAN_PRESENT | action.vlan)
        .zeros(6);
      return;
    case "pop-vlan":
      writer.u16(ActionType.popVlan).u16(8).zeros(4);
      return;
    case "dec-ttl":
      writer.u16(ActionType.decrementTtl).u16(8).zeros(4);
      return;
    case "translate":
      writeTranslation(writer, action);
      return;
    case "track":
      writeConntrack(writer, { flags: 0, zoneSource: 0, zone: action.zone, table: action.table });
      return;
    case "commit":
      writeCommit(writer, action);
      return;
    case "conjunction":
      nicira(writer, 16, NiciraAction.conjunction)
        .u8(action.clause - 1)
        .u8(action.of)
        .u32(action.id);
      return;
    case "tell":
      nicira(writer, 24, NiciraAction.controller2).zeros(6).u16(CONTROLLER_METER).u16(8).u32(action.meter);
      return;
    case "meter":
      throw new HoldfastError("invalid_argument", `meter ${action.id} stands in a flow only, not among actions alone`);
    case "opaque":
      writer.bytes(Buffer.from(action.bytes, "hex"));
  }
}

function writeOutput(writer: ByteWriter, port: number): void {
  const longest = port === ReservedPort.controller ? WHOLE_PACKET : 0;
  writer.u16(ActionType.output).u16(16).u32(port).u16(longest).zeros(6);
}

function nicira(writer: ByteWriter, length: number, subtype: number): ByteWriter {
  return writer.u16(ActionType.experimenter).u16(length).u32(NICIRA).u16(subtype);
}

function writeSetField(writer: ByteWriter, action: { field: FieldName; value: bigint }): void {
  const field = FIELDS[action.field];
  if (action.value < 0n || action.value > fieldMaximum(field)) {
    throw new HoldfastError(
      "invalid_argument",
      `${action.value} does not fit the ${field.bytes} bytes of ${field.name}`,
    );
  }
  const start = writer.length;
  writer.u16(ActionType.setField).u16(0).u32(field.header).wide(action.value, field.bytes).align8(start);
  writer.patch16(start + 2, writer.length - start);
}

function writeMove(writer: ByteWriter, action: { from: FieldName; to: FieldName }): void {
  const [from, to] = [FIELDS[action.from], FIELDS[action.to]];
  if (from.bytes !== to.bytes) {
    throw new HoldfastError("invalid_argument", `${from.name} and ${to.name} differ in width; a move needs the same`);
  }
  const bits = from.bytes * 8;
  nicira(writer, 24, NiciraAction.registerMove).u16(bits).u16(0).u16(0).u32(from.header).u32(to.header);
}

function readAction(type: number, body: Buffer): Action | undefined {
  const reader = new ByteReader(body);
  switch (type) {
    case ActionType.output:
      return readOutput(reader);
    case ActionType.popVlan:
      return { kind: "pop-vlan" };
    case ActionType.decrementTtl:
      return { kind: "dec-ttl" };
    case ActionType.setField:
      return readSetField(reader);
    case ActionType.experimenter:
      return reader.u32() === NICIRA ? readNicira(reader) : undefined;
    default:
      return undefined;
  }
}

function readOutput(reader: ByteReader): Action | undefined {
  const port = reader.u32();
  if (port === ReservedPort.inPort) return { kind: "output-in-port" };
  if (port === ReservedPort.normal) return { kind: "normal" };
  if (port === ReservedPort.controller && reader.u16() !== WHOLE_PACKET) return undefined;
  return { kind: "output", port };
}

function readSetField(reader: ByteReader): Action | undefined {
  const field = fieldNameOfHeader(reader.u32());
  if (field === undefined || !isActionField(field)) return undefined;
  return { kind: "set-field", field, value: reader.wide(FIELDS[field].bytes) };
}

function readNicira(reader: ByteReader): Action | undefined {
  switch (reader.u16()) {
    case NiciraAction.registerMove:
      return readMove(reader);
    case NiciraAction.resubmitTable: {
      const port = reader.u16();
      return port === IN_PORT_16 ? { kind: "resubmit", table: reader.u8() } : undefined;
    }
    case NiciraAction.controller2:
      return readTell(reader);
    case NiciraAction.conntrack:
      return readConntrack(reader);
    case NiciraAction.conjunction:
      return { kind: "conjunction", clause: reader.u8() + 1, of: reader.u8(), id: reader.u32() };
    case NiciraAction.outputRegister: {
      const bits = reader.u16();
      const register = fieldNameOfHeader(reader.u32());
      return bits === 31 && register !== undefined && isRegister(register)
        ? { kind: "output-register", register }
        : undefined;
    }
    default:
      return undefined;
  }
}

/** Undefined when it says anything else than a meter. */
function readTell(reader: ByteReader): Action | undefined {
  reader.skip(6);
  if (reader.remaining !== 8 || reader.u16() !== CONTROLLER_METER || reader.u16() !== 8) return undefined;
  return { kind: "tell", meter: reader.u32() };
}

function readMove(reader: ByteReader): Action | undefined {
  const [bits, fromOffset, toOffset] = [reader.u16(), reader.u16(), reader.u16()];
  const [from, to] = [fieldNameOfHeader(reader.u32()), fieldNameOfHeader(reader.u32())];
  if (from === undefined || to === undefined || !isActionField(from) || !isActionField(to)) return undefined;
  const whole = bits === FIELDS[from].bytes * 8 && bits === FIELDS[to].bytes * 8 && fromOffset === 0 && toOffset === 0;
  return whole ? { kind: "move", from, to } : undefined;
}

const PUSH_8021Q = tlvHex(ActionType.pushVlan, 8, Buffer.from([0x81, 0, 0, 0]));

function pushedVlan(before: Action | undefined, type: number, body: Buffer): number | undefined {
  if (type !== ActionType.setField || before?.kind !== "opaque" || before.bytes !== PUSH_8021Q) return undefined;
  const reader = new ByteReader(body);
  if (reader.u32() !== FIELDS.vlan_vid.header) return undefined;
  const id = reader.u16();
  return (id & ~0xfff) === VLAN_PRESENT ? id & 0xfff : undefined;
}

function tlvHex(type: number, length: number, body: Buffer): string {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(length, 2);
  return head.toString("hex") + body.toString("hex");
}
