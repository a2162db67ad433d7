/** The part of the Docker Engine API that the plugin uses, never from within a call of Docker's. */
export interface Engine {
  /** The newest API version that the engine speaks, e.g. `"1.41"`. */
  apiVersion(signal: AbortSignal): Promise<string>;
  /** Every docker network of the driver `holdfast`, with its endpoints. */
  networks(signal: AbortSignal): Promise<readonly EngineNetwork[]>;
  /** Containers, running or not, that were told to use a docker network by its id instead of its name. */
  containersByNetworkId(networkId: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Gives Docker's id of the network. @throws HoldfastError `already_exists`: there is one with this name. */
  createNetwork(network: NewEngineNetwork, signal: AbortSignal): Promise<string>;
  /** The absence of the network is a success. @throws HoldfastError `in_use`: it has endpoints. */
  removeNetwork(networkId: string, signal: AbortSignal): Promise<void>;
  /** Takes a container off a docker network, whether it runs or not; its absence is a success. */
  disconnect(networkId: string, container: string, signal: AbortSignal): Promise<void>;
  /**
   * One value when the subscription stands, then one for each event that can change networks, endpoints or names. Ends when the engine
   * goes. @throws HoldfastError `unavailable`: there is no engine.
   */
  events(signal: AbortSignal): AsyncIterable<"connected" | "event">;
}

/** A docker network as the engine has it. */
export interface EngineNetwork {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `-o`. */
  readonly options: Readonly<Record<string, string>>;
  /** `--ipam-opt`. */
  readonly ipamOptions: Readonly<Record<string, string>>;
  readonly subnets: readonly string[];
  /** `--aux-address`. */
  readonly auxiliary: readonly string[];
  readonly endpoints: readonly EngineEndpoint[];
}

/** An endpoint in the engine's own store: also of a container that is being started or has died badly. */
export interface EngineEndpoint {
  /** Docker's EndpointID. */
  readonly id: string;
  /** The container's name. */
  readonly container: string;
}

/** A docker network to make. */
export interface NewEngineNetwork {
  readonly name: string;
  readonly subnets: readonly { readonly prefix: string; readonly gateway?: string }[];
  /** False only for engines from API 1.48 on. */
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** Given as `-o` and as `--ipam-opt`. */
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}
