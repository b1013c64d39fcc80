import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'vitest'
import { type ScriptProcess, startScript } from './process.ts'
import { childrenOf, processTree, stillRuns } from './process-tree.ts'

const RUN = resolve(import.meta.dirname, '../../infra/run.mjs')

/** What `npm start` runs: the supervisor, and below it the server on the pinned Node, and below that PostgreSQL and the extractors. */
export interface EmbeddedSystem {
  readonly supervisor: ScriptProcess
  /** Resolves when it serves. Throws when it ended before. */
  readonly serves: Promise<{ url: string; apiKey: string }>
}

export function startEmbeddedSystem(dataDir: string): EmbeddedSystem {
  const supervisor = startScript(RUN, ['services/cli/main.ts', 'serve'], { DATA_DIR: dataDir, PORT: '0', npm_lifecycle_event: '' })
  return { supervisor, serves: served(supervisor, dataDir) }
}

/** The server below the supervisor, while there is one. */
export function serverOf({ supervisor }: EmbeddedSystem): number | undefined {
  return childrenOf(supervisor.pid)[0]
}

/** Of the server over this data folder, or of the last one, if that was killed; undefined while there is none. */
export function postmasterOf(dataDir: string): number | undefined {
  const [pid] = pidFile(dataDir)
  return pid ? Number(pid) : undefined
}

/** Its database, while it runs. */
export function ownerUrlOf(dataDir: string): string {
  const { owner_password } = JSON.parse(readFileSync(join(dataDir, 'postgres.json'), 'utf8')) as { owner_password: string }
  return `postgres://greffier_owner:${owner_password}@127.0.0.1:${pidFile(dataDir)[3]}/greffier`
}

/** SIGTERM: it must exit with 0, and leave no process of its own behind. */
export async function stopEmbeddedSystem({ supervisor }: EmbeddedSystem): Promise<void> {
  const all = processTree(supervisor.pid)
  supervisor.kill('SIGTERM')
  expect(await supervisor.exited, supervisor.stderr()).toEqual({ exitCode: 0, signal: null })
  expect(all.filter(stillRuns), 'processes that were left behind').toEqual([])
}

async function served(supervisor: ScriptProcess, dataDir: string): Promise<{ url: string; apiKey: string }> {
  await supervisor.line(/serves http/)
  const local = JSON.parse(readFileSync(join(dataDir, 'local.json'), 'utf8')) as { url: string; api_key: string }
  return { url: local.url, apiKey: local.api_key }
}

/** The lines of `postmaster.pid`; none between the end of one server and the start of the next. */
function pidFile(dataDir: string): string[] {
  try {
    return readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
