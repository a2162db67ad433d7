/**
 * Steps of attaching and detaching a container, in the order in which they are taken, after each of which a test ends the program (or looks at the
 * clock): `cni.` the CNI plugin's, `agent.` the book's, `ovs.` and `kernel.` the drivers'.
 */
export const FAULT_POINTS = {
  ADD: [
    "cni.add-begun",
    "cni.add-entered",
    "cni.add-reserved",
    "agent.attach-noted",
    "ovs.attach-link",
    "ovs.attach-flows",
    "ovs.attach-named",
    "kernel.attach-begun",
    "kernel.attach-wired",
    "agent.attach-wired",
    "cni.add-attached",
    "cni.add-joined",
    "cni.add-moved",
    "cni.add-dressed",
  ],
  DEL: [
    "cni.del-begun",
    "cni.del-unnamed",
    "agent.detach-noted",
    "ovs.detach-stopped",
    "ovs.detach-discarded",
    "kernel.detach-stopped",
    "kernel.detach-discarded",
    "agent.detach-stopped",
    "cni.del-detached",
    "cni.del-released",
  ],
} as const;

export type FaultPoint = (typeof FAULT_POINTS)[keyof typeof FAULT_POINTS][number];

/** Told when a step is done; absent, as in production: nobody is. */
export type Reached = (point: FaultPoint) => void;
