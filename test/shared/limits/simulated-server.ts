import { AppError } from '../../../shared/contracts/errors.ts'

export interface SimulatedServer {
  /** Answers after its latency; with more calls than it takes at once it refuses (MODEL_BUSY) or, as one that queues, answers later. */
  call(): Promise<void>
  /** From now on. */
  change(to: { atOnce?: number; latencyMs?: () => number }): void
  /** Since the last time it was asked: calls answered and refused, and how many were served at once in the mean. */
  take(): { answered: number; refused: number; busy: number }
}

/** A provider that serves so many calls at once, in the time of `performance.now` and `setTimeout`, which may be simulated. */
export function createSimulatedServer(options: {
  atOnce: number
  latencyMs: () => number
  whenFull?: 'refuses' | 'queues'
  retryAfterSeconds?: number
}): SimulatedServer {
  const { whenFull = 'refuses', retryAfterSeconds } = options
  let { atOnce, latencyMs } = options
  let serving = 0
  const queue: (() => void)[] = []
  let [answered, refused, busyMs] = [0, 0, 0]
  let [fromMs, countedMs] = [performance.now(), performance.now()]
  const count = (by: number) => {
    const nowMs = performance.now()
    busyMs += serving * (nowMs - countedMs)
    countedMs = nowMs
    serving += by
  }
  const serve = () => {
    count(1)
    return new Promise<void>((resolve) => {
      setTimeout(() => {
        count(-1)
        answered++
        queue.shift()?.()
        resolve()
      }, latencyMs())
    })
  }
  return {
    call: async () => {
      if (serving < atOnce) return serve()
      if (whenFull === 'queues') {
        await new Promise<void>((resolve) => queue.push(resolve))
        return serve()
      }
      refused++
      throw new AppError('MODEL_BUSY', 'HTTP 429', retryAfterSeconds === undefined ? {} : { retryAfterSeconds })
    },
    change: (to) => {
      atOnce = to.atOnce ?? atOnce
      latencyMs = to.latencyMs ?? latencyMs
    },
    take: () => {
      count(0)
      const taken = { answered, refused, busy: busyMs / (performance.now() - fromMs) }
      ;[answered, refused, busyMs] = [0, 0, 0]
      fromMs = performance.now()
      return taken
    },
  }
}
