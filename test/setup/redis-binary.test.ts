import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.ts'
import { ensureRedis } from './redis-binary.ts'

test('where redis-server is there, nothing is installed', () => {
  const machine = fakeMachine()
  writeFileSync(join(machine.path, 'redis-server'), '#!/bin/sh\nexit 0\n', { mode: 0o755 })
  ensureRedis(machine)
  expect(machine.said).toEqual([])
  expect(existsSync(machine.journal)).toBe(false)
})

test('on Debian as root the package is installed after an update, it is said, and its service is neither started nor left enabled', () => {
  const machine = fakeMachine()
  ensureRedis(machine)
  expect(machine.said).toEqual(['redis-server is missing: installing the Debian package redis-server (once)'])
  expect(readFileSync(machine.journal, 'utf8')).toBe(
    'apt-get update -q, service start 101\napt-get install -y -q --no-install-recommends redis-server, service start 101\nsystemctl disable --now redis-server\n',
  )
  expect(existsSync(machine.policyFile)).toBe(false)
})

test('elsewhere it fails and says what to install', () => {
  const machine = fakeMachine()
  const message = /apt-get install redis-server.*brew install redis/
  expect(() => ensureRedis({ ...machine, root: false })).toThrow(message)
  expect(() => ensureRedis({ ...machine, debianVersionFile: join(machine.path, 'absent') })).toThrow(message)
  expect(existsSync(machine.journal)).toBe(false)
})

test('a failing installation is an error that carries what apt-get said, and the ban on services is lifted again', () => {
  const machine = fakeMachine()
  writeFileSync(join(machine.path, 'apt-get'), '#!/bin/sh\necho "E: no mirror" >&2\nexit 100\n', { mode: 0o755 })
  expect(() => ensureRedis(machine)).toThrow(/apt-get update -q failed: E: no mirror/)
  expect(existsSync(machine.policyFile)).toBe(false)
})

/** A folder of programs that write down how they were called; its apt-get brings a redis-server. */
function fakeMachine() {
  const path = temporaryFolder()
  const file = (name: string) => join(path, name)
  const journal = file('journal')
  const policyFile = file('policy-rc.d')
  const program = (name: string, lines: string[]) => writeFileSync(file(name), ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 })
  program('apt-get', [
    `"${policyFile}"; echo "apt-get $*, service start $?" >> "${journal}"`,
    `if [ "$1" = install ]; then printf '#!/bin/sh\\n' > "${file('redis-server')}"; /bin/chmod 755 "${file('redis-server')}"; fi`,
  ])
  program('systemctl', [`echo "systemctl $*" >> "${journal}"`])
  writeFileSync(file('debian_version'), '12.11\n')
  const said: string[] = []
  return {
    path,
    journal,
    policyFile,
    said,
    root: true,
    debianVersionFile: file('debian_version'),
    say: (line: string) => void said.push(line),
  }
}
