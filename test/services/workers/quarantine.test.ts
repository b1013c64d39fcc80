import { expect, test } from 'vitest'
import { createQuarantine } from '../../../services/workers/quarantine.ts'

const ALONE = { alone: true }

test('those that may share run beside each other, and with nobody who has to be alone', async () => {
  const quarantine = createQuarantine(new AbortController().signal)
  const active = new Set<string>()
  const seen: string[] = []
  const gates = new Map(['a', 'b', 'X', 'c', 'd'].map((name) => [name, gate()]))
  const turns = [...gates].map(([name, { passed }]) =>
    quarantine(
      async () => {
        active.add(name)
        seen.push([...active].join(''))
        await passed
        active.delete(name)
      },
      { alone: name === 'X' },
    ),
  )
  for (const name of ['b', 'a', 'X', 'c', 'd']) {
    await settledMicrotasks()
    gates.get(name)?.open()
  }
  await Promise.all(turns)
  expect(seen).toEqual(['a', 'ab', 'X', 'c', 'cd'])
})

test('of those that share only so many run at once', async () => {
  const quarantine = createQuarantine(new AbortController().signal)
  const first = gate()
  let active = 0
  const turns = Array.from({ length: 100 }, () =>
    quarantine(
      async () => {
        active++
        await first.passed
      },
      { alone: false },
    ),
  )
  await settledMicrotasks()
  expect(active).toBe(32)
  first.open()
  await Promise.all(turns)
  expect(active).toBe(100)
})

test('what is in quarantine runs alone and in the order in which it came', async () => {
  const quarantine = createQuarantine(new AbortController().signal)
  const said: string[] = []
  const gates = [gate(), gate(), gate()]
  const turns = gates.map((one, at) =>
    quarantine(async () => {
      said.push(`${at} begins`)
      await one.passed
      said.push(`${at} ends`)
    }, ALONE),
  )
  // Open before their turn, so that only the first one holds them back.
  gates[1]?.open()
  gates[2]?.open()
  await settledMicrotasks()
  expect(said).toEqual(['0 begins'])
  gates[0]?.open()
  await Promise.all(turns)
  expect(said).toEqual(['0 begins', '0 ends', '1 begins', '1 ends', '2 begins', '2 ends'])
})

test('one that fails tells its own caller and nobody else, and the next one runs', async () => {
  const quarantine = createQuarantine(new AbortController().signal)
  const reason = new Error('mine')
  const failing = quarantine(() => Promise.reject(reason), ALONE)
  const throwing = quarantine(() => {
    throw reason
  }, ALONE)
  let ran = false
  const next = quarantine(async () => {
    ran = true
  }, ALONE)
  await expect(failing).rejects.toBe(reason)
  await expect(throwing).rejects.toBe(reason)
  await next
  expect(ran).toBe(true)
})

test('at shutdown the one that runs is left to end, and those that wait are refused with the reason and never begun', async () => {
  const stopping = new AbortController()
  const quarantine = createQuarantine(stopping.signal)
  const running = gate()
  const begun: string[] = []
  const active = quarantine(async () => {
    begun.push('active')
    await running.passed
  }, ALONE)
  const waiting = ['one', 'two'].map((name) => quarantine(async () => void begun.push(name), ALONE))
  await settledMicrotasks()
  const reason = new Error('the worker stops')
  stopping.abort(reason)
  const late = quarantine(async () => void begun.push('late'), ALONE)
  running.open()
  await active
  for (const refused of [...waiting, late]) await expect(refused).rejects.toBe(reason)
  expect(begun).toEqual(['active'])
})

function gate(): { open: () => void; passed: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { open: resolve, passed: promise }
}

/** Every promise that can settle without more from outside has settled when a timer fires. */
function settledMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
