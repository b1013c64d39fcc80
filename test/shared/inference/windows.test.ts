import { expect, test } from 'vitest'
import type { Page } from '../../../shared/contracts/extraction.ts'
import { windowsOf } from '../../../shared/inference/windows.ts'

const page = (number: number, text: string): Page =>
  text === '' ? { number, method: 'no_text', text, reason: 'empty' } : { number, method: 'plain', text, reason: null }

test('short pages share a window, pages without text are in none, and all that has text is read', () => {
  const { windows, pagesRead } = windowsOf([page(1, 'one'), page(2, ''), page(3, 'three')])
  expect(windows).toEqual([
    [
      { number: 1, text: 'one' },
      { number: 3, text: 'three' },
    ],
  ])
  expect(pagesRead).toBe(2)
})

test('a page that is larger than a window is told twice at each cut, and loses nothing', () => {
  const text = Array.from({ length: 20_000 }, (_, line) => `line ${line}`).join('\n')
  const { windows } = windowsOf([page(1, text)])
  expect(windows.length).toBeGreaterThan(4)
  for (let line = 0; line < 19_999; line += 7) {
    const whole = `\nline ${line}\n`
    if (line > 0) expect(windows.flat().some((piece) => piece.text.includes(whole))).toBe(true)
  }
})

test('what goes beyond the bound is not read, and the count says so', () => {
  const pages = Array.from({ length: 120 }, (_, at) => page(at + 1, 'x'.repeat(39_000)))
  const { windows, pagesRead } = windowsOf(pages)
  expect(windows).toHaveLength(100)
  expect(pagesRead).toBe(100)
})
