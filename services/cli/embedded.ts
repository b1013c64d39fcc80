import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CliConfig } from '../../shared/runtime/config.ts'
import { CliError } from './cli-error.ts'
import { type Client, createClient } from './client.ts'
import type { CommandContext } from './context.ts'
import { EXIT } from './exit-codes.ts'

export interface Standalone {
  url: string
  /** A key with every scope; the first one on a fresh folder. */
  apiKey: string
  firstStart: boolean
  /** Resolves with the reason when the system can no longer run. */
  failed: Promise<Error>
  close(): Promise<void>
}

export type StartStandalone = (options: {
  dataDir: string
  /** 0: any free one. */
  port: number
  /** The configured one when left out. */
  host?: string
  logLevel: CliConfig['logLevel']
}) => Promise<Standalone>

const CLOSE_MS_MAX = 30_000
const REMOVAL_RETRIES_MAX = 5

/**
 * Runs `work` against an embedded system of its own, in a temporary folder and on a free port, and leaves nothing behind: it is stopped and
 * the folder removed after success, error and interruption. Only a second Ctrl-C goes ahead of the stopping; the folder goes even then.
 */
export async function withEmbedded<T>(context: CommandContext, start: StartStandalone, work: (client: Client) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'greffier-'))
  const removeNow = () => rmSync(dataDir, { recursive: true, force: true })
  process.once('exit', removeNow)
  try {
    const server = await startUnlessInterrupted(context.interrupted, () =>
      start({ dataDir, port: 0, host: '127.0.0.1', logLevel: quietLevel(context.config.logLevel) }),
    )
    try {
      context.interrupted.throwIfAborted()
      return await work(createClient(server, context.interrupted))
    } finally {
      await closeInTime(server)
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true, maxRetries: REMOVAL_RETRIES_MAX })
    process.off('exit', removeNow)
  }
}

/** A Ctrl-C during the start also reaches what is being started, which then fails: the interruption is the reason to tell, not that. */
export async function startUnlessInterrupted(interrupted: AbortSignal, start: () => Promise<Standalone>): Promise<Standalone> {
  interrupted.throwIfAborted()
  try {
    return await start()
  } catch (error) {
    interrupted.throwIfAborted()
    throw error
  }
}

/** Stops the server; throws CliError when that takes longer than half a minute. */
export async function closeInTime(server: Standalone): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new CliError('STOP_TIMEOUT', 'the embedded system did not stop in time', EXIT.unexpected)
    timer = setTimeout(() => reject(error), CLOSE_MS_MAX)
  })
  try {
    await Promise.race([server.close(), late])
  } finally {
    clearTimeout(timer)
  }
}

/** `warn` is the default level. A failing document is printed here anyway, so a warning about it would only break the bars. */
function quietLevel(level: CliConfig['logLevel']): CliConfig['logLevel'] {
  return level === 'warn' ? 'error' : level
}
