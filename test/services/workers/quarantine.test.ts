import { expect, test } from 'vitest'
import { createQuarantine } from '../../../services/workers/quarantine.ts'

test('what is in quarantine runs alone and in the order in which it came', async () => {
  const quarantine = createQuarantine(new AbortController().signal)
  const said: string[] = []
  const gates = [gate(), gate(), gate()]
  const turns = gates.map((one, at) =>
    quarantine(async () => {
      said.push(`${at} begins`)
      await one.passed
      said.push(`${at} ends`)
    }),
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
  const failing = quarantine(() => Promise.reject(reason))
  const throwing = quarantine(() => {
    throw reason
  })
  let ran = false
  const next = quarantine(async () => {
    ran = true
  })
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
  })
  const waiting = ['one', 'two'].map((name) => quarantine(async () => void begun.push(name)))
  await settledMicrotasks()
  const reason = new Error('the worker stops')
  stopping.abort(reason)
  const late = quarantine(async () => void begun.push('late'))
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
