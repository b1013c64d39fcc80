import { expect, test } from 'vitest'
import { startPasses } from '../../../shared/runtime/passes.ts'
import { recordingLog } from '../../support/recording-log.ts'
import { waitUntil } from '../../support/wait.ts'

const NEVER_MS = 3_600_000

test('a pass follows at once where more is waiting, and else after its time', async () => {
  let passes = 0
  const work = async () => (++passes < 3 ? 'again' : 'done')
  const running = startPasses({ work, everyMs: NEVER_MS, log: recordingLog().log, failure: 'failed' })
  await waitUntil(() => passes === 3, 'the third pass')
  await running.close()
  expect(passes).toBe(3)
})

test('a pass that fails is logged, and the next one repeats it', async () => {
  const { log, lines } = recordingLog()
  let passes = 0
  const work = async () => {
    if (++passes === 1) throw new Error('not yet')
  }
  const running = startPasses({ work, everyMs: 1, log, failure: 'it failed' })
  await waitUntil(() => passes > 1, 'the second pass')
  await running.close()
  expect(lines.map(({ level, message }) => [level, message])).toEqual([['warn', 'it failed']])
})

test('closing tells the pass that is under way, waits for its end, and none follows', async () => {
  let passes = 0
  let ended = false
  const begun = Promise.withResolvers<void>()
  const work = async (closing: AbortSignal) => {
    passes++
    begun.resolve()
    await new Promise((resolve) => closing.addEventListener('abort', resolve, { once: true }))
    await new Promise((resolve) => setImmediate(resolve))
    ended = true
    return 'again'
  }
  const running = startPasses({ work, everyMs: 1, log: recordingLog().log, failure: 'failed' })
  await begun.promise
  await running.close()
  expect([passes, ended]).toEqual([1, true])
})
