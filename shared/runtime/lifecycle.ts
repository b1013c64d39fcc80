/** A second signal sooner than this is the terminal and the supervisor passing on the same Ctrl-C. */
const REPEAT_MS = 1_000
const EXIT_FORCED = 130

/**
 * Resolves when the process is asked to stop: SIGINT, SIGTERM, SIGHUP, or the death of the supervisor that started it (infra/run.mjs holds the
 * other end of the IPC channel). A second, later signal ends the process at once.
 */
export function stopRequested(): Promise<string> {
  return new Promise((resolve) => {
    let askedAtMs: number | null = null
    const ask = (reason: string) => {
      if (askedAtMs === null) {
        askedAtMs = performance.now()
        resolve(reason)
      } else if (reason !== 'disconnect' && performance.now() - askedAtMs > REPEAT_MS) process.exit(EXIT_FORCED)
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask)
    process.once('disconnect', () => ask('disconnect'))
    process.channel?.unref()
  })
}
