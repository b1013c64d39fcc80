import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from './wait.ts'

/** As in embedded-server.ts: below the ports that systems give to outgoing connections. */
const PORT_MIN = 20_000
const PORT_MAX = 32_000
const TRIES_MAX = 20
const OUTPUT_CHARACTERS_MAX = 20_000

export interface TestRedis {
  readonly url: string
  readonly pid: number
  /** Ends the server and removes its folder. Idempotent. */
  close(): Promise<void>
}

interface Running {
  child: ChildProcess
  hasEnded: () => boolean
  output: () => string
}

/** A fresh, private Redis that keeps nothing on disk and evicts nothing, on a free port of 127.0.0.1. `overrides` win, as in `{ 'maxmemory-policy': 'allkeys-lru' }`. */
export async function testRedis(overrides: Readonly<Record<string, string>> = {}): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'greffier-test-redis-'))
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = randomInt(PORT_MIN, PORT_MAX)
    const server = start({
      bind: '127.0.0.1',
      port: String(port),
      dir: folder,
      save: '',
      appendonly: 'no',
      'maxmemory-policy': 'noeviction',
      ...overrides,
    })
    await waitUntil(() => server.hasEnded() || server.output().includes('Ready to accept connections'), 'redis-server to start')
    const pid = server.child.pid
    if (!server.hasEnded() && pid !== undefined) return { url: `redis://127.0.0.1:${port}`, pid, close: () => close(server, folder) }
    if (!/in use/i.test(server.output())) throw new Error(`redis-server did not start: ${server.output()}`)
  }
  throw new Error(`redis-server found no free port in ${TRIES_MAX} tries`)
}

function start(settings: Record<string, string>): Running {
  const child = spawn(
    'redis-server',
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  let ended = false
  const keep = (bytes: Buffer) => {
    output = (output + bytes.toString()).slice(-OUTPUT_CHARACTERS_MAX)
  }
  // Also when the test process ends without closing it.
  const kill = () => child.kill('SIGKILL')
  const end = () => {
    ended = true
    process.off('exit', kill)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  child.on('error', (error) => {
    keep(Buffer.from(error.message))
    end()
  })
  child.on('close', end)
  process.on('exit', kill)
  return { child, hasEnded: () => ended, output: () => output }
}

async function close(server: Running, folder: string): Promise<void> {
  // SIGKILL: it keeps nothing, and one that was stopped with SIGSTOP ends as well.
  server.child.kill('SIGKILL')
  await waitUntil(server.hasEnded, 'redis-server to end')
  rmSync(folder, { recursive: true, force: true })
}
