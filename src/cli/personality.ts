/** How a program name parses, prints and exits. */
export interface Personality {
  /** As in argv[0] and in help: `docker-machine`. */
  readonly program: string
  readonly id: 'flotilla' | 'docker-machine' | 'docker-compose' | 'swarm'
  readonly dialect: 'goflag' | 'pflag' | 'docopt'
}
