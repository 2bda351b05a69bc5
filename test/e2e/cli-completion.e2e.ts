import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensurePrograms, programForms } from './programs.ts'
import type { ProgramForm, ProgramName } from './programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'flotilla-complete-'))
const programs: readonly ProgramName[] = ['flotilla', 'docker-machine', 'docker-compose', 'swarm']

beforeAll(() => {
  ensurePrograms()
  for (const form of programForms) {
    const place = mkdtempSync(join(folder, `${form.name}-`))
    for (const program of programs) symlinkSync(form.command(program).at(-1) ?? '', join(place, program))
    places.set(form.name, place)
  }
  // What the shells find in the folder they run in.
  mkdirSync(join(project, 'my data'), { recursive: true })
  writeFileSync(join(project, 'compose.yaml'), 'services: { web: { image: x }, db: { image: x } }')
  writeFileSync(join(project, 'notes.txt'), '')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const project = join(folder, 'project')
const places = new Map<string, string>()

function hasShell(name: string): boolean {
  return spawnSync(name, ['-c', 'true']).status === 0
}

/** Runs a script with the programs of one form on PATH, in a folder with a Compose file, a text file and a folder. */
function runShell(form: ProgramForm, shell: readonly [string, ...string[]], script: string): string {
  const place = places.get(form.name) ?? ''
  const [file, ...args] = shell
  const result = spawnSync(file, [...args, script], {
    cwd: project,
    encoding: 'utf8',
    timeout: 60_000,
    env: {
      ...process.env,
      PATH: `${place}${delimiter}${process.env['PATH'] ?? ''}`,
      HOME: folder,
      TERM: 'dumb',
      MACHINE_STORAGE_PATH: folder,
    },
  })
  expect(result.stderr, script).toBe('')
  return result.stdout
}

describe.each(programForms)('completion of the programs as $name', (form) => {
  describe('bash', () => {
    /** What bash would offer for a line, through the very function that `complete` registered. */
    function complete(...words: readonly string[]): readonly string[] {
      const script = `
        for program in ${programs.join(' ')}; do source <(flotilla completion bash $program); done
        COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
        [[ $(complete -p ${words[0] ?? ''}) =~ -F\\ ([^ ]+) ]] && "\${BASH_REMATCH[1]}"
        printf '%s\\n' "\${COMPREPLY[@]}"`
      return runShell(form, ['bash', '--norc', '-c'], script).trim().split('\n')
    }

    it('offers commands, flags and values', () => {
      expect(complete('flotilla', 'comp')).toEqual(['compose', 'completion'])
      expect(complete('flotilla', 'completion', '')).toEqual(['bash', 'zsh', 'fish'])
      expect(complete('flotilla', 'completion', 'bash', 'docker-')).toEqual(['docker-machine', 'docker-compose'])
      expect(complete('flotilla', 'version', '--for')).toEqual(['--format'])
      expect(complete('flotilla', 'version', '--format', '')).toEqual(['pretty', 'json'])
      expect(complete('flotilla', 'version', '--format', '=', 'j')).toEqual(['json'])
      expect(complete('docker-machine', 'sta')).toEqual(['start', 'status'])
      expect(complete('swarm', 'manage', '--strat')).toEqual(['--strategy'])
      expect(complete('docker-compose', 'up', '--det')).toEqual(['--detailed-exitcode', '--detach'])
    })

    it('offers files, folders and services where they belong', () => {
      expect(complete('docker-compose', '-f', '')).toEqual(['my data', 'compose.yaml'])
      expect(complete('docker-compose', '--file', '=', 'c')).toEqual(['compose.yaml'])
      expect(complete('docker-compose', '--project-directory', '')).toEqual(['my data'])
      expect([...complete('docker-compose', 'cp', '')].sort()).toEqual(
        ['compose.yaml', 'db:', 'my\\ data/', 'notes.txt', 'web:'].sort(),
      )
      expect(complete('docker-compose', 'cp', 'w')).toEqual(['web:'])
      expect(complete('docker-compose', 'scale', 'd')).toEqual(['db='])
      expect(complete('docker-compose', '--progress', 'q')).toEqual(['quiet'])
    })

    it('offers nothing for what does not exist, and never an error text', () => {
      expect(complete('flotilla', 'nope', '')).not.toContain('Usage')
      expect(complete('flotilla', 'version', '--zzz')).toEqual([''])
    })
  })

  describe.skipIf(!hasShell('zsh'))('zsh (skipped where zsh is not installed)', () => {
    it('completes on a terminal', () => {
      const script = `
        zmodload zsh/zpty
        zpty shell zsh -f -i
        wait_for() {
          local line all= count
          for ((count = 0; count < 200; count++)); do
            while zpty -r -t shell line; do all+=$line; done
            [[ $all == *$1* ]] && return 0
            sleep 0.05
          done
          print -r -- "waited in vain for $1: $all"
        }
        zpty -w shell "PS1='READY''> '; autoload -Uz compinit; compinit -u -D; source <(flotilla completion zsh)"
        wait_for 'READY>'
        zpty -w -n shell $'flotilla comple\\t'
        wait_for 'completion'
        zpty -w -n shell $'zs\\t'
        wait_for 'zsh'
        zpty -w shell ' >/dev/null; echo STATUS''=$?'
        wait_for 'STATUS=0'
        zpty -w shell 'source <(flotilla completion zsh docker-compose); echo LOA''DED'
        wait_for 'LOADED'
        zpty -w -n shell $'docker-compose --file=comp\t'
        wait_for '=compose.yaml'
        zpty -w -n shell $'cp w\t'
        # The terminal has the letter already that was typed.
        wait_for 'eb:' && print done`
      expect(runShell(form, ['zsh', '-f', '-c'], script)).toBe('done\n')
    })
  })

  describe.skipIf(!hasShell('fish'))('fish (skipped where fish is not installed)', () => {
    it('offers candidates with their texts', () => {
      const script = `flotilla completion fish | source; complete -C 'flotilla version --form'; complete -C 'flotilla completion '`
      expect(runShell(form, ['fish', '--no-config', '-c'], script)).toBe(
        '--format\tFormat the output: pretty, json\nbash\nfish\nzsh\n',
      )
    })

    it('offers files and folders where they belong', () => {
      const lines = ['-f ', '--file=c', '--project-directory ', 'cp n', 'cp w']
      const ask = lines.map((line) => `complete -C 'docker-compose ${line}' | string join ' | '`).join('; ')
      expect(
        runShell(form, ['fish', '--no-config', '-c'], `flotilla completion fish docker-compose | source; ${ask}`),
      ).toBe('compose.yaml | my data/\n--file=compose.yaml\nmy data/\tDirectory\nnotes.txt\nweb:\n')
    })
  })

  it('a wrong shell or program is named', async () => {
    expect(await form.run('flotilla', ['completion', 'bsh'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'flotilla: no completion for the shell "bsh"\nhint: did you mean "bash"?\n',
    })
    expect(await form.run('flotilla', ['completion', 'bash', 'docker'])).toMatchObject({ code: 2, stdout: '' })
    expect(await form.run('flotilla', ['completion'])).toMatchObject({ code: 2, stdout: '' })
  })
})
