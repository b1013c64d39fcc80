import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { AppError } from '../../../shared/contracts/errors.ts'
import { createDeadline } from '../../../shared/inference/wire-deadline.ts'
import { failure } from '../../support/failure.ts'

const never = new AbortController().signal
/** As many as would take ten times the deadline. */
const REQUESTS_MAX = 50

async function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

test('requests of one call use up one time together, and none begins after it', async () => {
  const deadline = createDeadline(100)
  let requests = 0
  for (; requests < REQUESTS_MAX && !deadline.isOver; requests += 1) await deadline.within(never, () => pause(20))
  expect(deadline.isOver).toBe(true)
  expect(requests).toBeLessThan(REQUESTS_MAX)
  const late = deadline.within(never, async (signal) => signal.throwIfAborted())
  expect(await failure(late)).toMatchObject({ code: 'MODEL_UNAVAILABLE', detail: 'no complete response within 100 ms' })
})

test('what passes between requests is not counted', async () => {
  const deadline = createDeadline(100)
  await deadline.within(never, async () => undefined)
  await pause(150)
  expect(deadline.isOver).toBe(false)
  expect(await deadline.within(never, async (signal) => signal.aborted)).toBe(false)
})

test('a request that hangs is aborted when the time is over', async () => {
  const deadline = createDeadline(50)
  expect((await failure(deadline.within(never, hang))).detail).toBe('no complete response within 50 ms')
  expect(deadline.isOver).toBe(true)
})

test('the caller’s reason comes through', async () => {
  const controller = new AbortController()
  const hanging = failure(createDeadline(10_000).within(controller.signal, hang))
  controller.abort(new AppError('STAGE_TIMEOUT'))
  expect((await hanging).code).toBe('STAGE_TIMEOUT')
})
