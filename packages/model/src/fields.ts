import { Cidr, errorText, Identity, IpAddress, MacAddress, Name } from "@holdfast/core";
import { z } from "zod";

/** A text field that becomes a branded value; what the parser says becomes the field's message. */
function branded<T>(parse: (text: string) => T, meta: { description: string; example: string }) {
  return z
    .string()
    .max(300)
    .transform((text, context) => {
      try {
        return parse(text);
      } catch (error) {
        context.issues.push({ code: "custom", message: errorText(error), input: text });
        return z.NEVER;
      }
    })
    .meta({ description: meta.description, examples: [meta.example] });
}

export const nameField = branded(Name.parse, { description: "A DNS label (RFC 1123).", example: "web" });

export const identityField = branded(Identity.parse, {
  description: "Stable name of a workload inside a tenant.",
  example: "redis-0",
});

export const addressField = branded(IpAddress.parse, {
  description: "An IPv4 or IPv6 address.",
  example: "10.20.0.7",
});

export const cidrField = branded(Cidr.parse, {
  description: "A prefix in CIDR form, host bits zero.",
  example: "10.20.0.0/16",
});

export const macField = branded(MacAddress.parse, {
  description: "An Ethernet address.",
  example: "02:64:0a:14:00:07",
});

/** RFC 3339 in UTC, e.g. `"2026-11-20T14:05:00.000Z"`. */
export const timeField = z.iso.datetime().meta({ description: "RFC 3339, UTC." });

/** A moment that somebody asks about, e.g. `"2026-11-17T14:05:00+01:00"`. */
export const momentField = z.iso.datetime({ offset: true }).meta({ description: "RFC 3339, with any offset." });

/** A store revision: grows with every change of anything. */
export const revisionField = z
  .int()
  .min(0)
  .meta({ description: "Revision of the last change; grows with every write." });

/** E.g. `team` or `example.com/tier`. */
export const labelKeyField = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?$/, "not a label key");

/** Free labels: at most 32, keys like `team` or `example.com/tier`. */
export const labelsField = z
  .record(labelKeyField, z.string().max(255))
  .refine((labels) => Object.keys(labels).length <= 32, "at most 32 labels")
  .meta({ description: "Free labels.", examples: [{ env: "prod" }] });
export type Labels = z.output<typeof labelsField>;

/** Whether both say the same, in whatever order; absent: none. */
export function sameLabels(a: Labels = {}, b: Labels = {}): boolean {
  const entries = Object.entries(a);
  return (
    entries.length === Object.keys(b).length &&
    entries.every(([key, value]) => Object.hasOwn(b, key) && b[key] === value)
  );
}

/** Bytes, 1280 (the least that IPv6 allows, RFC 8200 section 5) to 9216. */
export const mtuField = z
  .int()
  .min(1280)
  .max(9216)
  .meta({ description: "Bytes.", examples: [1500] });

/** Name of one attachment: chosen by the node that made it, e.g. `"h1-01jd2k7c9x"`. */
export const endpointIdField = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/, "not an endpoint id")
  .meta({ description: "Id of one attachment, chosen by its node." });

/** E.g. `"90s"` or `"1h30m"`. */
export const durationField = z
  .string()
  .regex(/^(\d{1,6}(s|m|h|d))+$/, "not a duration; write for example 30s, 15m or 1h30m")
  .meta({ examples: ["15m"] });
