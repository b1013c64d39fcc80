import { constants } from 'node:os'
import { CliError } from './cli-error.ts'
import { EXIT } from './exit-codes.ts'

/** infra/run.mjs passes on a signal that the terminal has already sent to the whole group: two within this time are one. */
const SECOND_SIGNAL_AFTER_MS = 1_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * A signal that aborts once, with a CliError as its reason: at SIGINT, SIGTERM, SIGHUP, when the supervising infra/run.mjs dies
 * (its IPC channel closes), and when the reader of stdout goes away. A second signal, later than a second, ends the process at once.
 */
export function watchInterruption(): AbortSignal {
  const controller = new AbortController()
  let firstAtMs: number | null = null
  const stop = (name: keyof typeof constants.signals, why: string) => {
    const now = performance.now()
    if (firstAtMs === null) {
      firstAtMs = now
      controller.abort(new CliError('INTERRUPTED', why, 128 + constants.signals[name]))
    } else if (now - firstAtMs > SECOND_SIGNAL_AFTER_MS) process.exit(EXIT.interrupted)
  }
  for (const name of SIGNALS) process.on(name, () => stop(name, `stopped by ${name}`))
  process.on('disconnect', () => stop('SIGTERM', 'stopped: the process that started this one is gone'))
  // The listener above holds the channel open, and with it the process.
  process.channel?.unref()
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    stop('SIGPIPE', 'stopped: nobody reads the output')
  })
  return controller.signal
}
