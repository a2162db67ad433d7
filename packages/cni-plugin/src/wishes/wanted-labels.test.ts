import { NAMESPACE_LABEL } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { readInvocation } from "../protocol/invocation.ts";
import { ANNOTATIONS } from "../protocol/network-config.ts";
import { wantedLabels } from "./wanted-labels.ts";

interface Said {
  /** The annotation `holdfast.io/labels`. */
  readonly annotation?: string;
  readonly annotations?: Record<string, string>;
  /** `CNI_ARGS`. */
  readonly args?: string;
  readonly mesos?: readonly object[];
  readonly cni?: readonly object[];
  readonly useNames?: boolean;
}

function labelsOf({ annotation, annotations, args = "", mesos, cni, useNames }: Said) {
  const env = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/c1", CNI_IFNAME: "eth0" };
  const all = { ...annotations, ...(annotation === undefined ? {} : { "holdfast.io/labels": annotation }) };
  const config = {
    ...{ cniVersion: "1.0.0", name: "web", useNames, runtimeConfig: { [ANNOTATIONS]: all } },
    args: {
      "org.apache.mesos": { network_info: { labels: { labels: mesos ?? [] } } },
      cni: { labels: cni ?? [] },
    },
  };
  const call = readInvocation({ ...env, CNI_ARGS: args }, JSON.stringify(config));
  if (call.command !== "ADD") throw new Error(call.command);
  return wantedLabels(call);
}

const POD = "K8S_POD_NAMESPACE=prod;K8S_POD_NAME=redis-0";
const label = (key: string, value?: string) => ({ key, ...(value === undefined ? {} : { value }) });
const many = (count: number) => Array.from({ length: count }, (_, index) => `k${index}=v`).join();

describe("labels of a workload", () => {
  test.each<{ what: string; said: Said; labels: Record<string, string> | undefined }>([
    { what: "nobody says any", said: {}, labels: undefined },
    { what: "an annotation is empty", said: { annotation: " " }, labels: undefined },
    {
      what: "an annotation has some",
      said: { annotation: "app=web, example.com/tier=front,expr=a=b,empty=" },
      labels: { app: "web", "example.com/tier": "front", expr: "a=b", empty: "" },
    },
    {
      what: "an annotation has some for this interface",
      said: { annotation: "app=web", annotations: { "eth0.holdfast.io/labels": "app=db" } },
      labels: { app: "db" },
    },
    {
      what: "an annotation has some for another interface",
      said: { annotations: { "net1.holdfast.io/labels": "app=db" } },
      labels: undefined,
    },
    {
      what: "CNI_ARGS have some",
      said: { args: "HOLDFAST_LABELS=app=web,tier=front" },
      labels: { app: "web", tier: "front" },
    },
    {
      what: "Mesos and the conventions have some beside what they ask for",
      said: {
        mesos: [
          label("app", "web"),
          label("holdfast.io/identity", "a"),
          label("eth0.holdfast.io/ip", "10.20.0.7"),
          label("canary"),
        ],
        cni: [label("tier", "front"), label("holdfast.io/labels", "zone=1")],
      },
      labels: { zone: "1", app: "web", canary: "", tier: "front" },
    },
    {
      what: "several say the same",
      said: { annotation: "app=web", mesos: [label("app", "web")] },
      labels: { app: "web" },
    },
    {
      what: "a pod has a namespace",
      said: { args: POD, annotation: "app=web" },
      labels: { app: "web", [NAMESPACE_LABEL]: "prod" },
    },
    {
      what: "a pod says its own namespace",
      said: { args: POD, annotation: `${NAMESPACE_LABEL}=prod` },
      labels: { [NAMESPACE_LABEL]: "prod" },
    },
    {
      what: "names count for nothing",
      said: { args: POD, annotation: "app=web", useNames: false },
      labels: { app: "web" },
    },
    {
      what: "no namespace is known",
      said: { annotation: `${NAMESPACE_LABEL}=prod` },
      labels: { [NAMESPACE_LABEL]: "prod" },
    },
    {
      what: "there are as many as there may be",
      said: { annotation: many(32) },
      labels: Object.fromEntries(
        many(32)
          .split(",")
          .map((each) => each.split("=")),
      ),
    },
  ])("when $what", ({ said, labels }) => {
    expect(labelsOf(said)).toEqual(labels);
  });

  test.each<{ what: string; said: Said; text: string }>([
    {
      what: "a word without a value",
      said: { annotation: "app" },
      text: 'the annotation holdfast.io/labels says "app": write KEY=VALUE, with a comma between two',
    },
    { what: "a comma too many", said: { annotation: "app=web," }, text: "the annotation holdfast.io/labels says" },
    {
      what: "a key that is none",
      said: { annotation: "=web" },
      text: 'the annotation holdfast.io/labels says "=web": "" is not a label key',
    },
    { what: "a prototype", said: { annotation: "__proto__=web" }, text: '"__proto__" is not a label key' },
    {
      what: "a key of Mesos that is none",
      said: { mesos: [label("my app", "web")] },
      text: 'the label my app says "my app=web"',
    },
    { what: "a value that is too long", said: { cni: [label("app", "x".repeat(256))] }, text: "the label app says" },
    {
      what: "two values of one key",
      said: { annotation: "app=web,app=db" },
      text: "says app=web, and the annotation holdfast.io/labels says app=db",
    },
    {
      what: "two who differ",
      said: { annotation: "app=web", mesos: [label("app", "db")] },
      text: "the annotation holdfast.io/labels says app=web, and the label app says app=db; leave one of them out",
    },
    {
      what: "another's namespace",
      said: { args: POD, annotation: `${NAMESPACE_LABEL}=kube-system` },
      text: `K8S_POD_NAMESPACE in CNI_ARGS says ${NAMESPACE_LABEL}=prod, and the annotation holdfast.io/labels says`,
    },
    {
      what: "another's namespace, where names count for nothing",
      said: { args: POD, annotation: `${NAMESPACE_LABEL}=kube-system`, useNames: false },
      text: "K8S_POD_NAMESPACE in CNI_ARGS says",
    },
    {
      what: "too many",
      said: { args: POD, annotation: many(32) },
      text: "the workload has 33 labels, with that of its namespace: at most 32 labels",
    },
  ])("are refused for $what", ({ said, text }) => {
    expect(() => labelsOf(said)).toThrow(expect.objectContaining({ code: 7, message: expect.stringContaining(text) }));
  });
});
