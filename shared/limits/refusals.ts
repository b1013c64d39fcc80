import { AppError } from '../contracts/errors.ts'

/** When nobody can say when there will be a slot. */
const RETRY_MS = 5_000

/** Why nobody waits in line: each is MODEL_BUSY, so that a stage comes again and no start of it is used up. */
export function circuitOpen(retryMs: number): AppError {
  return busy('the provider has not answered lately and is spared for a while', retryMs)
}

export function paused(retryMs: number): AppError {
  return busy('the provider asked to wait', retryMs)
}

export function noSlotInTime(): AppError {
  return busy('no slot became free in time', RETRY_MS)
}

export function tooManyWaiting(): AppError {
  return busy('too many calls wait for the provider', RETRY_MS)
}

export function closing(): AppError {
  return busy('this process is ending', RETRY_MS)
}

function busy(detail: string, retryMs: number): AppError {
  return new AppError('MODEL_BUSY', detail, { retryAfterSeconds: Math.max(1, Math.ceil(retryMs / 1_000)) })
}
