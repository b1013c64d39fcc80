import { expect, test } from 'vitest'
import type { Page } from '../../../shared/contracts/extraction.ts'
import { halve, windowsOf } from '../../../shared/inference/windows.ts'

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

test('halves of a window hold every line of it in whole, and a short window is not halved', () => {
  const text = (from: number) => Array.from({ length: 1_000 }, (_, line) => `line ${from + line}`).join('\n')
  const window = [
    { number: 1, text: 'short' },
    { number: 2, text: text(0) },
    { number: 3, text: text(1_000) },
  ]
  for (const pieces of [window, window.slice(1, 2)]) {
    const halves = halve(pieces) ?? []
    expect(halves.map((half) => half.length)).toEqual(pieces.length === 1 ? [1, 1] : [3, 1])
    for (const { number, text: whole } of pieces) {
      const told = halves.flat().filter((piece) => piece.number === number)
      for (const line of whole.split('\n')) expect(told.some((piece) => piece.text.split('\n').includes(line))).toBe(true)
    }
  }
  expect(halve([{ number: 1, text: 'x'.repeat(7_999) }])).toBeNull()
})
