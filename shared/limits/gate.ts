import { randomUUID } from 'node:crypto'
import { AppError } from '../contracts/errors.ts'
import { errorFields, type Log } from '../runtime/log.ts'
import { createLocalLimits } from './local.ts'
import type { EndpointLimits, Lease } from './port.ts'
import { closing } from './refusals.ts'
import { createTurnstile, type Pass, type Turnstile } from './turnstile.ts'

const EXCHANGE_MS = 500
const EXCHANGE_MS_MIN = 100
/** A store that is slower than this is taken for away; a lease outlives several such exchanges. */
const EXCHANGE_TIMEOUT_MS = 2_000
/** While the store is away, the last allotment holds for so long; after that each process finds a limit of its own, from few calls on. */
const STORE_AWAY_MS_MAX = 30_000
const LIMIT_FIRST_ALONE = 4
/** An endpoint without work is given up, and its share with it. */
const IDLE_MS_MAX = 5_000

export interface Gate {
  /**
   * Resolves when a call to `endpoint` may begin, in the order of asking; `ahead` of the others for a call that was refused with 429 before. Rejects with the
   * signal's reason, or with MODEL_BUSY and retryAfterSeconds: while the circuit is open, when the endpoint asked for a pause of more than 10 s, and
   * after a minute of waiting.
   */
  enter(endpoint: string, signal: AbortSignal, options?: { ahead?: boolean }): Promise<Pass>
  /** Ends the waiting, and gives this process's shares back. */
  close(): Promise<void>
}

export interface GateOptions {
  limits: EndpointLimits
  log: Log
}

/** The process's part of the limits: a call takes a slot of an allotment that was granted before, and costs no round trip. */
export function createGate({ limits, log }: GateOptions): Gate {
  const holder = randomUUID()
  const desks = new Map<string, Desk>()
  const exchange = createExchange({ limits, log }, holder)
  const deskOf = (endpoint: string) => {
    const desk = desks.get(endpoint) ?? openDesk(endpoint, exchange, () => desks.delete(endpoint))
    desks.set(endpoint, desk)
    return desk
  }
  let closed = false
  return {
    enter: async (endpoint, signal, { ahead = false } = {}) => {
      if (closed) throw closing()
      return deskOf(endpoint).turnstile.enter(signal, ahead)
    },
    close: async () => {
      closed = true
      await Promise.all([...desks.values()].map((desk) => desk.close()))
    },
  }
}

type Exchange = (endpoint: string, turnstile: Turnstile, leaving: boolean) => Promise<void>

/** Tells the store and takes its answer; goes on without it for a while, and then alone. Never rejects. */
function createExchange({ limits, log }: GateOptions, holder: string): Exchange {
  const alone = createLocalLimits(LIMIT_FIRST_ALONE)
  const answeredAtMs = new Map<string, number>()
  let isAway = false
  const noteAway = (error: unknown) => {
    if (!isAway)
      log.warn({ ...errorFields(error), backend: limits.name }, 'the shared limits do not answer; calls go on within the last ones')
    isAway = true
  }
  const noteBack = () => {
    if (isAway) log.info({ backend: limits.name }, 'the shared limits answer again')
    isAway = false
  }
  return async (endpoint, turnstile, leaving) => {
    const report = turnstile.takeReport(leaving)
    const askedAtMs = performance.now()
    try {
      const lease = await within(EXCHANGE_TIMEOUT_MS, limits.exchange(endpoint, holder, report))
      noteBack()
      if (leaving) answeredAtMs.delete(endpoint)
      else answeredAtMs.set(endpoint, performance.now())
      turnstile.grant(lease, askedAtMs)
    } catch (error) {
      noteAway(error)
      // The store frees a share that nobody renews; who comes next begins anew.
      if (leaving) return void answeredAtMs.delete(endpoint)
      const awayMs = performance.now() - (answeredAtMs.get(endpoint) ?? Number.NEGATIVE_INFINITY)
      if (awayMs > STORE_AWAY_MS_MAX) return turnstile.grant(await alone.exchange(endpoint, holder, report), performance.now())
      turnstile.putBack(report)
      turnstile.extend(STORE_AWAY_MS_MAX - awayMs)
    }
  }
}

interface Desk {
  turnstile: Turnstile
  close(): Promise<void>
}

/** Keeps one endpoint's turnstile and the store in touch, as long as there is work. */
function openDesk(endpoint: string, exchange: Exchange, onGivenUp: () => void): Desk {
  let timer: NodeJS.Timeout | undefined
  let startedAtMs = Number.NEGATIVE_INFINITY
  let running: Promise<void> | undefined
  let isWantedSoon = false
  let closed = false

  const run = (leaving: boolean) => {
    clearTimeout(timer)
    isWantedSoon = false
    startedAtMs = performance.now()
    running = exchange(endpoint, turnstile, leaving).finally(() => {
      running = undefined
      if (leaving && turnstile.isIdle) onGivenUp()
      else if (!closed) schedule(isWantedSoon ? EXCHANGE_MS_MIN : EXCHANGE_MS)
    })
  }
  const schedule = (intervalMs: number) => {
    clearTimeout(timer)
    timer = setTimeout(regular, Math.max(0, startedAtMs + intervalMs - performance.now()))
    // Without work there is nothing to keep a process alive for.
    if (turnstile.isIdle) timer.unref()
  }
  const regular = () => {
    run(turnstile.isIdle && performance.now() - turnstile.usedAtMs > IDLE_MS_MAX)
  }
  const soon = () => {
    if (closed || isWantedSoon) return
    isWantedSoon = true
    if (!running) schedule(EXCHANGE_MS_MIN)
  }
  const turnstile = createTurnstile(soon)
  return {
    turnstile,
    close: async () => {
      closed = true
      clearTimeout(timer)
      turnstile.close()
      await running
      run(true)
      await running
    },
  }
}

/** The answer that comes later is not waited for. */
async function within(ms: number, work: Promise<Lease>): Promise<Lease> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AppError('UNAVAILABLE', `no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
