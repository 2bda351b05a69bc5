import type { Endpoint } from '../../engine/endpoint.ts'

/**
 * Which engine a host runs: a version line of the table in `machine/debian/engine-tree.ts`
 * (`20.10` is the machine's own docker.io), a Debian suite, or the path of a root tree.
 */
export type LabEngine = string

/** What a lab is made of. Everything is optional: `lab()` is one host with the machine's own engine. */
export interface LabOptions {
  /** How many hosts. Default 1, or the length of `engines`. */
  readonly hosts?: number
  /** Engine of each host in turn; the last one is repeated for further hosts. Default `20.10`. */
  readonly engines?: readonly LabEngine[]
  /** Engine labels, `key=value`: of all hosts, or per host. */
  readonly labels?: readonly string[] | ((index: number) => readonly string[])
  /** What the engine believes the host has. Default: what the machine has. */
  readonly memoryBytes?: number | ((index: number) => number | undefined)
  /** CPU list of each host in kernel notation, `0` or `0-1`. Default: all. */
  readonly cpus?: string | ((index: number) => string | undefined)
  /** Load the sample image (`sampleImageName`) into every host. Default false. */
  readonly image?: boolean
  /**
   * Boot each host with systemd, sshd and docker.service instead of a bare engine: a target for provisioning over SSH.
   * Its engine listens on its unix socket only, and `url`, `docker` and the engine verbs say nothing useful until
   * somebody has provisioned it. `labels`, `engineArgs` and `image` do not apply.
   */
  readonly systemd?: boolean
  /** More dockerd arguments: of all hosts, or per host. */
  readonly engineArgs?: readonly string[] | ((index: number) => readonly string[])
  /** First part of the host names; the hosts are `<prefix>1`, `<prefix>2`, … Default `node`. */
  readonly namePrefix?: string
}

/** Client certificates of a lab, as files (for `DOCKER_CERT_PATH`) and as text. */
export interface LabCertificates {
  /** Holds ca.pem, cert.pem and key.pem. */
  readonly directory: string
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** What a program printed and how it ended. Never thrown: a test looks at `code`. */
export interface LabOutput {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** How a command of the lab is run. */
export interface LabExecOptions {
  readonly input?: string | Uint8Array
  readonly timeoutMs?: number
  readonly env?: Readonly<Record<string, string>>
}

/** One real Docker host of its own, with an address the test and the other hosts reach. */
export interface LabHost {
  readonly name: string
  readonly ip: string
  /** `tcp://IP:2376`, TLS. */
  readonly url: string
  /** `IP:2376`, as discovery lists it. */
  readonly address: string
  /** With the client certificate of the lab. */
  readonly endpoint: Endpoint
  /** The engine's unix socket as seen from the machine; changes at power-on. */
  readonly socketPath: string
  readonly engine: LabEngine
  readonly certificates: LabCertificates
  /** The host's directory on the machine: root overlay, data root, logs. */
  readonly directory: string
  /** Runs a program inside the host, as root in all its namespaces. */
  exec(argv: readonly [string, ...string[]], o?: LabExecOptions): Promise<LabOutput>
  /** Runs the machine's docker CLI against this host over TLS. */
  docker(args: readonly string[], o?: LabExecOptions): Promise<LabOutput>
  /** The engine's log so far. */
  engineLog(): Promise<string>
  /** SIGKILL of dockerd: its containers go on, connections are refused. */
  kill(): Promise<void>
  /** SIGTERM of dockerd, waits for its end. */
  stopEngine(): Promise<void>
  /** Starts dockerd again, waits until its API answers. */
  startEngine(): Promise<void>
  /** SIGSTOP of dockerd: connections open, nothing answers. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Freezes every process of the host, containers too. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  /** Pulls the cable: link down on the switch side. */
  cut(): Promise<void>
  heal(): Promise<void>
  /** Black hole: the link is up, every packet of the host is dropped. Taken back by `heal`. */
  drop(): Promise<void>
  /** Drops a share of incoming packets, 0 to 1; 0 takes it back. */
  loss(ratio: number): Promise<void>
  /** Cuts this host off from another one, both still reach everybody else. Taken back by `heal` of each. */
  partition(other: LabHost): Promise<void>
  /** Ends every process of the host at once. */
  powerOff(): Promise<void>
  /** Boots the host with the disk and address it had, waits until its API answers. */
  powerOn(): Promise<void>
  /** Starts an SSH server in the host (with systemd: lets us in at the one that runs). The key belongs to root there. */
  sshd(): Promise<LabSsh>
}

/** Where an SSH server of the lab is, and the key it takes. */
export interface LabSsh {
  readonly host: string
  readonly port: number
  readonly user: string
  /** Path of the private key on the machine. */
  readonly keyPath: string
}

/** A real key-value store or registry at the lab's gateway address, which all hosts reach. */
export interface LabService {
  readonly host: string
  readonly port: number
  /** `IP:PORT`. */
  readonly address: string
  readonly pid: number
  stop(): Promise<void>
  /** Starts it again on the same address and data. */
  start(): Promise<void>
  /** SIGSTOP and SIGCONT. */
  pause(): Promise<void>
  resume(): Promise<void>
}

/** Key-value stores that a lab can run. */
export type LabStore = 'etcd' | 'consul' | 'zookeeper'

/** A running lab. `down` must be called; a watchdog does it when the process ends without. */
export interface Lab {
  readonly hosts: readonly LabHost[]
  /** The machine's own address in the lab network. */
  readonly gateway: string
  readonly subnet: string
  readonly certificates: LabCertificates
  /** Starts one more host. */
  addHost(options?: { readonly engine?: LabEngine; readonly labels?: readonly string[] }): Promise<LabHost>
  /** @throws {platform/missing} naming the package when the store cannot be had here */
  kv(store: LabStore): Promise<LabService>
  /**
   * The one registry of the lab, or, with `hasTls`, the one beside it that speaks TLS with a certificate of the lab's
   * authority (`ca.pem` in the folder of `certificates`).
   *
   * @param users lines of an htpasswd file with bcrypt hashes; without any everybody may push and pull
   */
  registry(users?: string, options?: { readonly hasTls?: boolean }): Promise<LabService>
  /** Ends everything of the lab and removes what it made. Idempotent. */
  down(): Promise<void>
}
