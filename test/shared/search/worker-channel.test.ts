import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { createWorkerChannel } from '../../../shared/search/worker-channel.ts'

interface Methods {
  add(a: number, b: number): number
  die(): void
  refuse(): void
  close(): void
}

/** Answers `add` and `close`, refuses `refuse`, ends at `die`. */
const SOURCE = `
  const { parentPort } = require('node:worker_threads')
  parentPort.on('message', ({ call, method, args }) => {
    if (method === 'die') process.exit(1)
    if (method === 'refuse') return parentPort.postMessage({ call, ok: false, code: 'STORAGE_FULL', detail: 'full' })
    parentPort.postMessage({ call, ok: true, value: method === 'add' ? args[0] + args[1] : undefined })
  })`

function open() {
  const started: Worker[] = []
  const channel = createWorkerChannel<Methods>(() => {
    const worker = new Worker(SOURCE, { eval: true })
    started.push(worker)
    return worker
  })
  return { channel, started }
}

test('calls are answered, each with its own result', async () => {
  const { channel } = open()
  expect(await Promise.all([channel.call('add', 1, 2), channel.call('add', 3, 4)])).toEqual([3, 7])
  await channel.close()
})

test("the worker's typed error is the caller's", async () => {
  const { channel } = open()
  await expect(channel.call('refuse')).rejects.toMatchObject({ code: 'STORAGE_FULL', detail: 'full' })
  await channel.close()
})

test('a worker that dies fails every waiting call with UNAVAILABLE, and the next call has a new one', async () => {
  const { channel, started } = open()
  const waiting = await Promise.allSettled([channel.call('die'), channel.call('add', 1, 2), channel.call('add', 3, 4)])
  for (const call of waiting) expect(call).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE' } })
  expect(await channel.call('add', 5, 6)).toBe(11)
  expect(started).toHaveLength(2)
  await channel.close()
})

test('more calls than may wait are refused at once, and those that wait are answered', async () => {
  const { channel } = open()
  const calls = await Promise.allSettled(Array.from({ length: 300 }, () => channel.call('add', 1, 1)))
  expect(calls.filter(({ status }) => status === 'fulfilled')).toHaveLength(256)
  expect(calls.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE' } })
  await channel.close()
})

test('closing answers what waits, ends the thread and refuses what comes after', async () => {
  const { channel, started } = open()
  const waiting = channel.call('add', 1, 2)
  await channel.close()
  expect(await waiting).toBe(3)
  expect(started[0]?.threadId).toBe(-1)
  await expect(channel.call('add', 1, 2)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})
