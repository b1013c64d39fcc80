import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres } from '../../shared/database/embedded.ts'
import { ensureRedis } from './redis-binary.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgresOwnerUrl: string
  }
}

/**
 * Once per run, before the first test: one folder for all temporary files (os.tmpdir() of the tests), one PostgreSQL for all tests (each takes a
 * database of its own) and the certainty that Redis can be started. The reaper ends and removes all of it when the run is over, however it ends.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  ensureRedis({ path: process.env.PATH ?? '', root: process.getuid?.() === 0, say: (line) => process.stderr.write(`${line}\n`) })
  const runFolder = mkdtempSync(join(tmpdir(), 'greffier-test-run-'))
  const reaper = spawn(process.execPath, [resolve(import.meta.dirname, 'reaper.ts'), runFolder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  const reaped = new Promise<void>((done) => reaper.once('exit', () => done()))
  process.env.TMPDIR = runFolder
  const postgres = await startEmbeddedPostgres({ dataDir: join(runFolder, 'postgres'), durable: false })
  project.provide('postgresOwnerUrl', postgres.ownerUrl)
  return async () => {
    await postgres.stop()
    reaper.stdin.end()
    await reaped
  }
}
