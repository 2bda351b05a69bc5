import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { addNoProxy, findNoProxy, findShell, renderEnv, toUnset, toVariables } from './env.ts'

const facts = { name: 'm', dockerHost: 'tcp://10.0.0.7:2376', certPath: '/store/machines/m', isWindows: false }

function show(shell: string): string {
  const words = ['docker-machine', 'env', 'm']
  return `${renderEnv(shell, [{ name: 'K', value: 'V' }], words)}${renderEnv(shell, [{ name: 'K' }], words)}`
}

// docker/machine commands/env.go: each spelling is what profiles evaluate.
describe('lines for each shell', () => {
  const expected: readonly (readonly [string, string])[] = [
    ['bash', 'export K="V"\n# H\n# eval $(CMD)\nunset K\n# H\n# eval $(CMD)\n'],
    ['zsh', 'export K="V"\n# H\n# eval $(CMD)\nunset K\n# H\n# eval $(CMD)\n'],
    ['nonsense', 'export K="V"\n# H\n# eval $(CMD)\nunset K\n# H\n# eval $(CMD)\n'],
    ['fish', 'set -gx K "V";\n# H\n# eval (CMD)\nset -e K;\n# H\n# eval (CMD)\n'],
    [
      'powershell',
      '$Env:K = "V"\n# H\n# & CMD | Invoke-Expression\nRemove-Item Env:\\\\K\n# H\n# & CMD | Invoke-Expression\n',
    ],
    [
      'cmd',
      'SET K=V\nREM H\nREM \t@FOR /f "tokens=*" %i IN (\'CMD\') DO @%i\nSET K=\nREM H\nREM \t@FOR /f "tokens=*" %i IN (\'CMD\') DO @%i\n',
    ],
    ['tcsh', 'setenv K "V";\n: H\n: eval `CMD`\nunsetenv K;\n: H\n: eval `CMD`\n'],
    [
      'emacs',
      '(setenv "K" "V")\n;; H\n;; (with-temp-buffer (shell-command "CMD" (current-buffer)) (eval-buffer))\n(setenv "K" nil)\n;; H\n;; (with-temp-buffer (shell-command "CMD" (current-buffer)) (eval-buffer))\n',
    ],
    [
      'pwsh',
      '$Env:K = "V"\n# H\n# & CMD | Out-String | Invoke-Expression\nRemove-Item Env:K -ErrorAction SilentlyContinue\n# H\n# & CMD | Out-String | Invoke-Expression\n',
    ],
    [
      'nu',
      '$env.K = "V"\n# H\n# CMD | save --force ~/.docker-machine.nu; source ~/.docker-machine.nu\nhide-env --ignore-errors K\n# H\n# CMD | save --force ~/.docker-machine.nu; source ~/.docker-machine.nu\n',
    ],
    ['xonsh', '$K = "V"\n# H\n# execx($(CMD))\n${...}.pop("K", None)\n# H\n# execx($(CMD))\n'],
  ]
  for (const [shell, text] of expected) {
    it(shell, () => {
      const whole = text
        .replaceAll('CMD', 'docker-machine env m')
        .replaceAll(' H\n', ' Run this command to configure your shell: \n')
      expect(show(shell)).toBe(whole)
    })
  }

  it('a program with a blank in its path is quoted', () => {
    expect(renderEnv('bash', [], ['/my programs/docker-machine', 'env'])).toContain(
      'eval $("/my programs/docker-machine" env)',
    )
  })

  it('values that a Bourne shell would change come through unchanged', () => {
    const value = 'a"b$HOME`id`\\c'
    const script = `${renderEnv('sh', [{ name: 'K', value }], ['x'])}printf %s "$K"`
    expect(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' })).toBe(value)
  })
})

describe('a folder whose name has a meaning to a shell', () => {
  it.each([
    ['fish', 'a`b$c\\d', 'set -gx K "a`b\\$c\\\\d";'],
    ['powershell', 'C:\\U$er\\`x', '$Env:K = "C:\\U`$er\\``x"'],
    ['pwsh', '/home/$x', '$Env:K = "/home/`$x"'],
    ['cmd', 'C:\\R&D', 'SET "K=C:\\R&D"'],
    ['cmd', 'C:\\a b', 'SET K=C:\\a b'],
    ['tcsh', "/h/$u/it's!", "setenv K '/h/$u/it'\\''s\\!';"],
    ['emacs', 'C:\\"x"', '(setenv "K" "C:\\\\\\"x\\"")'],
  ])('%s: %s', (shell, value, line) => {
    expect(renderEnv(shell, [{ name: 'K', value }], ['x']).split('\n')[0]).toBe(line)
  })
})

describe('variables', () => {
  it('stand in the order of docker-machine', () => {
    expect(toVariables(facts).map(({ name, value }) => `${name}=${value}`)).toEqual([
      'DOCKER_TLS_VERIFY=1',
      'DOCKER_HOST=tcp://10.0.0.7:2376',
      'DOCKER_CERT_PATH=/store/machines/m',
      'DOCKER_MACHINE_NAME=m',
    ])
    expect(toVariables({ ...facts, isWindows: true }).at(-1)).toEqual({
      name: 'COMPOSE_CONVERT_WINDOWS_PATHS',
      value: 'true',
    })
    expect(() => toVariables({ ...facts, dockerHost: '' })).toThrow('Host is not running')
    expect(toVariables({ ...facts, isPlain: true })).toEqual([
      { name: 'DOCKER_TLS_VERIFY' },
      { name: 'DOCKER_CERT_PATH' },
      { name: 'DOCKER_HOST', value: 'tcp://10.0.0.7:2376' },
      { name: 'DOCKER_MACHINE_NAME', value: 'm' },
    ])
  })

  it('--unset --no-proxy names the proxy variable without its value', () => {
    const { name } = findNoProxy({ no_proxy: 'a,b' })
    expect(toUnset(false, name).at(-1)).toEqual({ name: 'no_proxy' })
    expect(toUnset(false, undefined)).toHaveLength(4)
  })

  it('--no-proxy adds the address once, to the variable in use', () => {
    expect(addNoProxy({}, '10.0.0.7')).toEqual({ name: 'NO_PROXY', value: '10.0.0.7' })
    expect(addNoProxy({ NO_PROXY: 'a' }, '10.0.0.7')).toEqual({ name: 'NO_PROXY', value: 'a,10.0.0.7' })
    expect(addNoProxy({ NO_PROXY: 'a', no_proxy: 'b' }, 'c')).toEqual({ name: 'no_proxy', value: 'b,c' })
    expect(addNoProxy({ no_proxy: 'a,10.0.0.7' }, '10.0.0.7').value).toBe('a,10.0.0.7')
    expect(addNoProxy({ no_proxy: 'a, 10.0.0.7' }, '10.0.0.7').value).toBe('a, 10.0.0.7')
    expect(addNoProxy({ no_proxy: '10.0.0.70' }, '10.0.0.7').value).toBe('10.0.0.70,10.0.0.7')
  })
})

describe('the shell', () => {
  it('is what was asked for, else the last part of $SHELL, else sh', () => {
    expect(findShell('fish', { SHELL: '/bin/zsh' }, false)).toBe('fish')
    expect(findShell('', { SHELL: '/usr/bin/zsh' }, false)).toBe('zsh')
    expect(findShell('', {}, false)).toBe('sh')
    expect(findShell('', {}, true)).toBe('cmd')
    expect(findShell('', { __fish_bin_dir: 'x' }, true)).toBe('fish')
    expect(findShell('', { SHELL: 'C:\\git\\bash.exe' }, true)).toBe('bash')
  })
})
