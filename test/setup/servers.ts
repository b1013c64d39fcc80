import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres } from '../../shared/database/embedded.ts'
import { ensureRedis } from './redis-binary.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgresOwnerUrl: string
  }
}

/** Once per run, before the first test: one PostgreSQL for all tests (each takes a database of its own) and the certainty that Redis can be started. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  ensureRedis({ path: process.env.PATH ?? '', root: process.getuid?.() === 0, say: (line) => process.stderr.write(`${line}\n`) })
  const dataDir = mkdtempSync(join(tmpdir(), 'greffier-test-run-'))
  const postgres = await startEmbeddedPostgres({ dataDir, durable: false })
  project.provide('postgresOwnerUrl', postgres.ownerUrl)
  // For an end without teardown; after one there is nothing left to kill.
  const killServer = () => process.kill(postgres.pid, 'SIGQUIT')
  process.once('exit', killServer)
  return async () => {
    process.off('exit', killServer)
    await postgres.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}
