import { type Labels, labelKeyField, labelsField, NAMESPACE_LABEL } from "@holdfast/model";
import { CniError, CniErrorCode } from "../protocol/cni-error.ts";
import type { SandboxCall } from "../protocol/invocation.ts";
import { disagreement, plainLabels, readSaying, type Saying, sayingsAbout } from "./sayings.ts";

/** One label, and who says it. */
interface SaidLabel extends Saying {
  readonly key: string;
  readonly value: string;
}

/**
 * By what groups and policies are to choose the workload: the labels that people say for it (`holdfast.io/labels`, e.g. `"app=web,tier=front"`), those that
 * Mesos or `args.cni` has for it besides, and its pod's namespace. Undefined: none.
 *
 * A namespace that another says is refused: it would be let in where only the other one's pods are. With `"useNames": false` nothing follows from what the
 * runtime calls a workload, and so not from its namespace either.
 *
 * @throws CniError for a label that is none, for more than there may be, and for one that is said twice and differently; it names who says it.
 */
export function wantedLabels(call: SandboxCall): Labels | undefined {
  const said = [
    ...sayingsAbout("labels", call).flatMap(asLabels),
    ...plainLabels(call).map((saying) => ({ ...saying, key: saying.name, value: saying.text })),
  ];
  const chosen = new Map<string, SaidLabel>();
  for (const label of said) {
    checkLabel(label);
    agree(chosen.get(label.key), label);
    chosen.set(label.key, label);
  }
  const namespace = namespaceLabel(call);
  if (namespace !== undefined) {
    agree(namespace, chosen.get(NAMESPACE_LABEL));
    if (call.config.useNames) chosen.set(NAMESPACE_LABEL, namespace);
  }
  if (chosen.size === 0) return undefined;
  const labels = Object.fromEntries([...chosen.values()].map(({ key, value }) => [key, value]));
  const { data, error } = labelsField.safeParse(labels);
  if (data !== undefined) return data;
  const text = `the workload has ${chosen.size} labels, with that of its namespace: ${issuesText(error)}`;
  throw new CniError(CniErrorCode.invalidConfig, `${text}; leave some out of holdfast.io/labels`);
}

function issuesText({ issues }: { readonly issues: readonly { readonly message: string }[] }): string {
  return issues.map(({ message }) => message).join("; ");
}

/** Of a pod its namespace, which its runtime says and nobody in it. */
function namespaceLabel({ args }: SandboxCall): SaidLabel | undefined {
  const value = args.get("K8S_POD_NAMESPACE") ?? "";
  if (value === "") return undefined;
  return { by: "K8S_POD_NAMESPACE in CNI_ARGS", text: value, key: NAMESPACE_LABEL, value };
}

/** `"app=web, tier=front"`; without a text there is none. */
function asLabels(saying: Saying): SaidLabel[] {
  if (saying.text.trim() === "") return [];
  return readSaying(saying, (text) =>
    text.split(",").map((pair) => {
      const cut = pair.indexOf("=");
      if (cut < 0) throw new TypeError("write KEY=VALUE, with a comma between two");
      return { ...saying, key: pair.slice(0, cut).trim(), value: pair.slice(cut + 1).trim() };
    }),
  );
}

function checkLabel({ by, key, value }: SaidLabel): void {
  readSaying({ by, text: `${key}=${value}` }, () => {
    if (!labelKeyField.safeParse(key).success) throw new TypeError(`${JSON.stringify(key)} is not a label key`);
    const { error } = labelsField.safeParse({ [key]: value });
    if (error !== undefined) throw new TypeError(issuesText(error));
  });
}

function agree(first: SaidLabel | undefined, other: SaidLabel | undefined): void {
  if (first === undefined || other === undefined || first.value === other.value) return;
  const asText = ({ by, key, value }: SaidLabel): Saying => ({ by, text: `${key}=${value}` });
  throw disagreement(asText(first), asText(other));
}
