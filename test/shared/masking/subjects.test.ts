import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Page } from '../../../shared/contracts/extraction.ts'
import { findInPage } from '../../../shared/masking/subjects.ts'

const { signal } = new AbortController()
const pageOf = (text: string): Page => ({ number: 1, method: 'plain', text, reason: null })
const MAIL = 'kunigunde.amsel@example.org'
const range = (from: number, to: number) => Array.from({ length: (to - from) / 2 }, (_, at) => from + at * 2)
const IBAN = 'DE89 3704 0044 0532 0130 00'

test('an identifier is found whole and in its place wherever a long page is cut, and no part of it is taken for another one', async () => {
  // Where the next piece begins, where it takes over, and where the first one ends.
  for (const shift of [...range(-1_070, -990), ...range(-570, -490), ...range(-70, 10)]) {
    const before = 'Wort '.repeat(50_000).slice(0, 200_000 + shift)
    const text = `${before} ${MAIL} ${IBAN} ${'Wort '.repeat(10_000)}`
    const found = await findInPage(pageOf(text), signal)
    expect(found.map(({ value }) => value).sort(), String(shift)).toEqual(['DE89370400440532013000', MAIL])
    for (const { kind, start, end } of found) expect(text.slice(start, end), String(shift)).toBe(kind === 'iban' ? IBAN : MAIL)
  }
})

test('other work has its turn while a long page is read', async () => {
  let turns = 0
  let done = false
  const counting = (async () => {
    while (!done) {
      await setImmediate()
      turns++
    }
  })()
  await findInPage(pageOf('Wort '.repeat(200_000)), signal)
  done = true
  await counting
  expect(turns).toBeGreaterThan(3)
})
