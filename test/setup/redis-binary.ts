import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs'

const APT_MS = 10 * 60_000
const POLICY_EXIT_FORBIDDEN = 101
const ERROR_CHARACTERS_MAX = 2_000

interface Machine {
  /** Where programs are looked for, as in the variable PATH. */
  path: string
  root: boolean
  say: (line: string) => void
  debianVersionFile?: string
  /** Debian's answer to "may a package start its service?" (https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt). */
  policyFile?: string
}

/** Makes sure that `redis-server` can be run. Installs Debian's package where it may, without leaving its service running; throws, saying what to install, elsewhere. */
export function ensureRedis(machine: Machine): void {
  if (hasRedis(machine.path)) return
  if (!machine.root || !existsSync(machine.debianVersionFile ?? '/etc/debian_version'))
    throw new Error(
      'the tests need the program redis-server (7 or later): install Redis (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis)',
    )
  machine.say('redis-server is missing: installing the Debian package redis-server (once)')
  withoutServiceStart(machine.policyFile ?? '/usr/sbin/policy-rc.d', () => {
    apt(machine.path, ['update', '-q'])
    apt(machine.path, ['install', '-y', '-q', '--no-install-recommends', 'redis-server'])
  })
  // The package enables its service for the next boot. Where systemd does not run there is nothing to disable, so the outcome does not matter.
  spawnSync('systemctl', ['disable', '--now', 'redis-server'], { env: environment(machine.path), stdio: 'ignore' })
  if (!hasRedis(machine.path)) throw new Error('the package redis-server was installed, and yet there is no program redis-server')
}

function hasRedis(path: string): boolean {
  return spawnSync('redis-server', ['--version'], { env: { ...process.env, PATH: path }, stdio: 'ignore' }).status === 0
}

function withoutServiceStart(policyFile: string, install: () => void): void {
  if (existsSync(policyFile)) {
    install()
    return
  }
  writeFileSync(policyFile, `#!/bin/sh\nexit ${POLICY_EXIT_FORBIDDEN}\n`)
  chmodSync(policyFile, 0o755)
  try {
    install()
  } finally {
    rmSync(policyFile, { force: true })
  }
}

function apt(path: string, argumentList: string[]): void {
  const done = spawnSync('apt-get', argumentList, { env: environment(path), stdio: ['ignore', 'ignore', 'pipe'], timeout: APT_MS })
  if (done.status === 0) return
  const said = (done.error?.message ?? done.stderr.toString()).slice(-ERROR_CHARACTERS_MAX)
  throw new Error(`apt-get ${argumentList.join(' ')} failed: ${said}; install the package redis-server by hand`)
}

function environment(path: string): NodeJS.ProcessEnv {
  return { ...process.env, PATH: path, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
}
