import type { Command } from '../../cli/command.ts'
import { defineCommand } from '../../cli/command.ts'
import type { FlagTable } from '../../core/flag.ts'
import { accessCheckFlags, accessTokenFlags } from './access-flags.ts'
import { drainFlags, explainFlags, nodesFlags, rebalanceFlags, simulateFlags, undrainFlags } from './cluster-flags.ts'
import { createFlags, joinFlags, listFlags, manageFlags } from './daemon-flags.ts'
import { auditShowFlags, auditVerifyFlags } from './audit-flags.ts'

/** Flags that stand before the command word. */
export const swarmGlobals: FlagTable = {
  debug: {
    kind: 'boolean',
    brief: 'Log everything, as --log-level debug does, and serve /debug/pprof',
    env: ['DEBUG'],
    // Many programs give this variable a meaning of their own.
    sharesEnv: true,
  },
  'log-level': {
    kind: 'string',
    short: 'l',
    default: 'info',
    brief: 'Least serious lines to log: debug, info, warn, error, fatal or panic',
  },
  'log-format': {
    kind: 'string',
    default: 'legacy',
    choices: ['legacy', 'text', 'json'],
    brief: 'How lines are logged: legacy as classic Swarm did, text for people, json for programs',
  },
  experimental: { kind: 'boolean', brief: 'Say "experimental" in /info and /version; nothing else changes' },
}

const discoveryArguments = `Arguments:
   <discovery>    where the addresses of the engines come from [$SWARM_DISCOVERY]
                   * token://<token>
                   * consul://<ip>/<path>
                   * etcd://<ip1>,<ip2>/<path>
                   * file://path/to/file
                   * zk://<ip1>,<ip2>/<path>
                   * [nodes://]<ip1>,<ip2>`

/** In the order of the help page. */
export const swarmCommands: readonly Command[] = [
  defineCommand({
    name: 'create',
    aliases: ['c'],
    brief: 'Ask a token service for the token of a new cluster',
    flags: createFlags,
    args: [],
    load: () => import('./create.ts'),
  }),
  defineCommand({
    name: 'list',
    aliases: ['l'],
    brief: 'Print the addresses that discovery yields',
    description: discoveryArguments,
    flags: listFlags,
    args: [{ name: '<discovery>' }],
    load: () => import('./list.ts'),
  }),
  defineCommand({
    name: 'manage',
    aliases: ['m'],
    brief: 'Serve one Docker API for all engines of a cluster',
    description: discoveryArguments,
    afterFlags: `    * swarm.overcommit=0.05     overcommit to apply on resources
    * swarm.createretry=0       container create retry count after initial failure`,
    flags: manageFlags,
    args: [{ name: '<discovery>' }],
    load: () => import('./manage.ts'),
  }),
  defineCommand({
    name: 'join',
    aliases: ['j'],
    brief: 'Announce an engine to discovery, again and again',
    description: discoveryArguments,
    flags: joinFlags,
    args: [{ name: '<discovery>' }],
    load: () => import('./join.ts'),
  }),
  defineCommand({
    name: 'nodes',
    brief: 'List the nodes of a running cluster, or show one',
    flags: nodesFlags,
    args: [{ name: '[NODE]' }],
    maxArgs: 1,
    load: () => import('./nodes.ts'),
  }),
  defineCommand({
    name: 'drain',
    brief: 'Give a node nothing new, and move what has a reschedule policy to other nodes',
    flags: drainFlags,
    args: [{ name: 'NODE' }],
    load: () => import('./drain.ts'),
  }),
  defineCommand({
    name: 'cordon',
    brief: 'Give a node nothing new; what is there stays',
    flags: undrainFlags,
    args: [{ name: 'NODE' }],
    load: () => import('./cordon.ts'),
  }),
  defineCommand({
    name: 'undrain',
    brief: 'Take a node back into service after drain or cordon',
    flags: undrainFlags,
    args: [{ name: 'NODE' }],
    load: () => import('./undrain.ts'),
  }),
  defineCommand({
    name: 'rebalance',
    brief: 'Even out the nodes by moving containers that have a reschedule policy',
    flags: rebalanceFlags,
    args: [],
    maxArgs: 0,
    load: () => import('./rebalance.ts'),
  }),
  {
    name: 'audit',
    brief: 'Check and read the audit log that `manage --cluster-opt swarm.audit=FILE` writes',
    flags: {},
    args: [],
    commands: [
      defineCommand({
        name: 'verify',
        brief: 'Check that no line of an audit log was changed, taken out or put in',
        description: `Reads FILE and its older segments, FILE.1 and so on, and stops at the first line that does not join on to the one before.
Exit code 1: there is one. The last line it prints is what a later call takes with --expect.`,
        flags: auditVerifyFlags,
        args: [{ name: 'FILE', complete: 'file' }],
        load: () => import('./audit-verify.ts'),
      }),
      defineCommand({
        name: 'show',
        brief: 'Print who did what, the oldest first',
        flags: auditShowFlags,
        args: [{ name: 'FILE', complete: 'file' }],
        load: () => import('./audit-show.ts'),
      }),
    ],
  },
  defineCommand({
    name: 'explain',
    brief: 'Say where a container would go, and what stands against each node',
    description: 'Asks a running `swarm manage`. Nothing is created. Exit code 1: no node can take the container.',
    flags: explainFlags,
    args: [{ name: '[IMAGE]' }],
    maxArgs: 1,
    stopsAtArgument: true,
    load: () => import('./explain.ts'),
  }),
  defineCommand({
    name: 'simulate',
    brief: 'Play creates and failures over a recorded or described cluster',
    description: `Each line of --events is one of

   {"create": {"Image": "nginx", "HostConfig": {"Memory": 1000000}}, "name": "web", "count": 3}
   {"remove": "web-2"}
   {"fail": "node-1"}

with the body of a create call in "create". Exit code 1: not all containers were placed.`,
    flags: simulateFlags,
    args: [],
    maxArgs: 0,
    load: () => import('./simulate.ts'),
  }),
  {
    name: 'access',
    brief: 'Make and check what says who may do what',
    flags: {},
    args: [],
    commands: [
      defineCommand({
        name: 'check',
        brief: 'Check an access file and list its users',
        description:
          'The file is what `swarm manage --cluster-opt swarm.access=FILE` takes. Exit code 1: it cannot be used.',
        flags: accessCheckFlags,
        args: [{ name: 'FILE' }],
        load: () => import('./access/check.ts'),
      }),
      defineCommand({
        name: 'token',
        brief: 'Make a bearer token and what the access file has of it',
        description: 'The token is shown this once and kept nowhere.',
        flags: accessTokenFlags,
        args: [],
        maxArgs: 0,
        load: () => import('./access/token.ts'),
      }),
    ],
  },
]
