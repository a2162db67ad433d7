import { createHmac } from "node:crypto";
import type { FlowAlarmEvent } from "@holdfast/model";

export interface SignedMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * An event as its webhook gets it (Standard Webhooks, standardwebhooks.com): the id is the same in every try, so that who gets it twice can tell.
 *
 * @param at when it is sent, in milliseconds since 1970
 * @param secret undefined: it is not signed
 */
export function messageOf(event: FlowAlarmEvent, at: number, secret: string | undefined): SignedMessage {
  const { message: _, ...data } = event;
  const body = JSON.stringify({ type: `flow.alarm.${event.event}`, timestamp: event.at, data });
  const timestamp = String(Math.floor(at / 1000));
  const headers = {
    "content-type": "application/json",
    "user-agent": "holdfast",
    "webhook-id": event.id,
    "webhook-timestamp": timestamp,
  };
  if (secret === undefined) return { headers, body };
  const signature = createHmac("sha256", keyOf(secret)).update(`${event.id}.${timestamp}.${body}`).digest("base64");
  return { headers: { ...headers, "webhook-signature": `v1,${signature}` }, body };
}

function keyOf(secret: string): Buffer {
  return secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
}
