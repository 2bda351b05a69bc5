import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'

export const execFlags = {
  all: { kind: 'boolean', short: 'a', brief: 'On every machine of the store' },
  filter: { kind: 'strings', brief: 'On the machines that match: driver=, label= or swarm=' },
  parallel: { kind: 'integer', brief: 'Machines at the same time', default: 16 },
  'no-prefix': { kind: 'boolean', brief: 'Do not put the name of its machine before each line' },
} as const

export const exportFlags = {
  output: { kind: 'string', short: 'o', brief: 'File to write (default NAME.machine); must not exist', default: '' },
  'passphrase-file': {
    kind: 'string',
    brief: 'File whose content is the passphrase (else $MACHINE_PASSPHRASE)',
    default: '',
    isSecret: false,
    complete: 'file',
  },
  'with-ca-key': { kind: 'boolean', brief: 'Also the key of the authority, which every machine of the store trusts' },
} as const

export const importFlags = {
  'passphrase-file': {
    kind: 'string',
    brief: 'File whose content is the passphrase (else $MACHINE_PASSPHRASE)',
    default: '',
    isSecret: false,
    complete: 'file',
  },
} as const

export const contextFlags = {
  use: { kind: 'boolean', brief: "Make it the docker CLI's current context" },
  rm: { kind: 'boolean', brief: 'Take the contexts of the machines away' },
} as const

export const doctorFlags = {
  format: { kind: 'string', brief: 'table or json', default: 'table', choices: ['table', 'json'] },
  timeout: { kind: 'integer', short: 't', brief: 'Seconds for each machine', default: 30 },
} as const

export const applyFlags = {
  file: { kind: 'string', short: 'f', brief: 'Fleet file', default: 'fleet.yaml', complete: 'file' },
  plan: { kind: 'boolean', brief: 'Only show what would be done' },
  prune: { kind: 'boolean', brief: 'Remove machines of the fleet that the file no longer names' },
  replace: { kind: 'boolean', brief: 'Allow machines to be removed and made anew where their options demand it' },
  parallel: { kind: 'integer', brief: 'Machines at the same time', default: 4 },
  y: { kind: 'boolean', brief: 'Do not ask first' },
} as const

export const adoptFlags = {
  url: {
    kind: 'string',
    brief: 'Address of the engine: tcp://HOST:PORT, unix:///PATH or ssh://USER@HOST',
    default: '',
  },
  'cert-path': {
    kind: 'string',
    brief: 'Folder with ca.pem, cert.pem and key.pem for --url',
    default: '',
    complete: 'file',
  },
  context: { kind: 'string', brief: 'Context of the docker CLI whose engine it is', default: '' },
  ssh: { kind: 'string', brief: 'Login on the host, USER@HOST:PORT', default: '' },
  'ssh-key': {
    kind: 'string',
    brief: 'Private key for --ssh with --tls (default: agent and usual keys)',
    default: '',
    complete: 'file',
  },
  tls: { kind: 'boolean', brief: 'With --ssh: give the engine certificates and restart it with them' },
} as const

/** Without the variables that give `create` its defaults: what is not written is not changed. */
export const setFlags = {
  'engine-label': { kind: 'strings', brief: 'Label of the engine, KEY=VALUE' },
  'engine-env': { kind: 'strings', brief: 'Environment variable of the engine, NAME=VALUE' },
  'engine-opt': { kind: 'strings', brief: 'Flag of dockerd, NAME=VALUE without dashes' },
  'engine-insecure-registry': { kind: 'strings', brief: 'Registry that the engine may use without TLS' },
  'engine-registry-mirror': { kind: 'strings', brief: 'Mirror the engine pulls from first, a URL' },
  'engine-storage-driver': { kind: 'string', brief: 'Storage driver of the engine', default: '' },
  'engine-version': { kind: 'string', brief: 'Version of the engine, or the beginning of one', default: '' },
  'engine-install-url': { kind: 'string', brief: 'Script that installs an engine where there is none', default: '' },
  'tls-san': { kind: 'strings', brief: 'Further name or address that the certificate of the engine is good for' },
  remove: { kind: 'strings', brief: 'Take away an option, or NAME=KEY one entry of it: engine-label=role, tls-san' },
} as const

/** Commands that docker-machine never had. */
export const ownCommands: readonly Command[] = [
  defineCommand({
    name: 'adopt',
    brief: 'Take an engine that runs into the store',
    description: 'Nothing is changed on the host, unless --tls asks for certificates. Nothing is ever installed.',
    flags: adoptFlags,
    args: [{ name: 'NAME' }],
    load: () => import('./adopt.ts'),
  }),
  defineCommand({
    name: 'set',
    brief: 'Change options of machines',
    description:
      'An entry takes the place of the one of its key, KEY=VALUE, or is added. The engines are set up anew and restarted; nothing is done where all is so already.',
    flags: setFlags,
    args: [{ name: '[NAME...]', complete: 'machine' }],
    load: () => import('./set.ts'),
  }),
  defineCommand({
    name: 'exec',
    brief: 'Run a command on many machines side by side',
    description:
      'Names of machines come before "--", the command behind it. Ends with the exit code of the command where all that failed ended with the same.',
    flags: execFlags,
    args: [{ name: '[NAME...]', complete: 'machine' }, { name: '-- COMMAND...' }],
    stopsAtArgument: true,
    load: () => import('./exec.ts'),
  }),
  defineCommand({
    name: 'export',
    brief: 'Write a machine into one file',
    description: 'The file holds the record, the keys and the client certificate: who has it has the machine.',
    flags: exportFlags,
    args: [{ name: '[NAME]', complete: 'machine' }],
    load: () => import('./export.ts'),
  }),
  defineCommand({
    name: 'import',
    brief: 'Put an exported machine into the store',
    flags: importFlags,
    args: [{ name: 'FILE', complete: 'file' }],
    load: () => import('./import.ts'),
  }),
  defineCommand({
    name: 'context',
    brief: 'Write contexts of the docker CLI for machines',
    description: 'Afterwards "docker --context NAME" is the machine. "rm" takes the context away with the machine.',
    flags: contextFlags,
    args: [{ name: '[NAME...]', complete: 'machine' }],
    load: () => import('./context.ts'),
  }),
  defineCommand({
    name: 'doctor',
    brief: 'Examine machines: certificates, clock, disk, engine, open ports',
    description: 'Without a name all machines. Ends with 1 when something is wrong; a warning is not.',
    flags: doctorFlags,
    args: [{ name: '[NAME...]', complete: 'machine' }],
    load: () => import('./doctor.ts'),
  }),
  defineCommand({
    name: 'apply',
    brief: 'Make machines as a file describes them',
    description: 'The plan is shown and asked about first. A second run does nothing.',
    flags: applyFlags,
    args: [],
    load: () => import('./apply.ts'),
  }),
]
