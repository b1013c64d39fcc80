import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSandbox } from '../../../../services/workers/extract/sandbox.ts'

const ENTRY = new URL('./sandbox-probe.ts', import.meta.url)
const LIMITS = { memoryBytesMax: 700_000_000, cpuSecondsMax: 60 }
const FORBIDDEN = {
  socket: 'ERR_ACCESS_DENIED',
  read: 'ERR_ACCESS_DENIED',
  write: 'ERR_ACCESS_DENIED',
  spawn: 'ERR_ACCESS_DENIED',
  worker: 'ERR_ACCESS_DENIED',
}

let server: Server
let folder: string
beforeAll(async () => {
  server = createServer((_request, response) => response.end('reached')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  folder = mkdtempSync(join(tmpdir(), 'greffier-sandbox-'))
  writeFileSync(join(folder, 'secret'), 'secret')
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

describe('the sandbox', () => {
  test('lets its process neither reach the network, nor read or write a file, nor start a process, a worker or generated code', async () => {
    const { port } = server.address() as AddressInfo
    const results = await probe(createSandbox(ENTRY, LIMITS, true), [String(port), join(folder, 'secret'), folder])
    expect(results).toMatchObject({ ...FORBIDDEN, fetch: 'ERR_ACCESS_DENIED', code: 'EvalError', environment: '' })
  })

  test('keeps the host name file from its process', async () => {
    expect(await probe(createSandbox(ENTRY, LIMITS, true), ['1', '/etc/hostname', folder])).toMatchObject({ read: 'ERR_ACCESS_DENIED' })
  })

  test('does as much without the limits of the kernel', async () => {
    const { port } = server.address() as AddressInfo
    const results = await probe(createSandbox(ENTRY, LIMITS, false), [String(port), join(folder, 'secret'), folder])
    expect(results).toMatchObject(FORBIDDEN)
  })

  test('is what stops the attempts: without it each of them succeeds', async () => {
    const { port } = server.address() as AddressInfo
    const bare = { command: process.execPath, arguments: [fileURLToPath(ENTRY)] }
    const results = await probe(bare, [String(port), join(folder, 'secret'), folder])
    expect(results).toEqual({
      environment: '',
      socket: 'done',
      fetch: 'done',
      read: 'done',
      write: 'done',
      spawn: 'done',
      worker: 'done',
      code: 'done',
    })
  })
})

async function probe(sandbox: { command: string; arguments: string[] }, argv: string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(sandbox.command, [...sandbox.arguments, ...argv], { env: {} })
  return JSON.parse(stdout)
}
