import { describe, expect, test } from 'vitest'
import { chunkPages } from '../../../services/workers/index/chunk.ts'
import type { Page } from '../../../shared/contracts/extraction.ts'
import { createMasker } from '../../../shared/masking/masker.ts'
import { listedNames } from '../../shared/masking/listed-names.ts'

const DOCUMENT = '0198c5a2-7c1e-7000-8000-00000000abcd'
/** No chunk is longer (about 200 words). */
const CHARACTERS_MAX = 1_200
const RUNS = 150

describe.each([
  ['prose', ['Der Vertrag beginnt am 1. März 2026', '. ', '.\n', '\n\n', ' ', 'é', 'Wort', '; ', '? ', '…', '!" ']],
  ['no spaces', ['abcdefghij', 'Ω', '語', '-']],
  ['only spaces', [' ', '\n', '\t', '\u00a0', '\ufeff', '\u2003']],
  ['surrogate pairs', ['😀', '👩‍👩‍👧', '𝔘', ' ', '😀😀😀😀😀😀😀😀']],
  ['surrogate pairs at odd places', ['😀', 'x', '𝔘']],
  ['lone surrogates', ['\ud83d', '\ude00', 'x', ' ', '\ude00\ud83d']],
  ['sentence ends', ['.', '!', '?', '…', ' ', '\n', '. ', '.)', 'A']],
  ['rare text in much space', ['x', ' '.repeat(900), '\n'.repeat(700), '.']],
])('chunks of %s', (_name, alphabet) => {
  test('are exact slices within one page that cover everything but white space, bounded and always ahead', async () => {
    const random = seeded(0x67726566)
    for (let run = 0; run < RUNS; run++) {
      const pages = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, at) => page(at + 1, text(alphabet, random)))
      await check(pages)
    }
  })
})

test.each([
  ['a line of a megabyte without a space', 'x'.repeat(1_000_000)],
  ['a megabyte of spaces', ' '.repeat(1_000_000)],
  ['a megabyte of full stops', '.'.repeat(1_000_000)],
  ['a megabyte of sentence ends', '. '.repeat(500_000)],
  ['half a megabyte of emoji', '😀'.repeat(250_000)],
  ['a letter, a megabyte of space and a letter', `a${'\n'.repeat(1_000_000)}b`],
])('%s ends, and soon', async (_name, long) => {
  const startedAtMs = performance.now()
  await check([page(1, long)])
  expect(performance.now() - startedAtMs).toBeLessThan(5_000)
})

test('a sentence that stands on a border, its lines broken anywhere, stands whole in one of the two chunks', async () => {
  const sentences = Array.from(
    { length: 200 },
    (_, at) => `Satz ${String(at).padStart(3, '0')} steht hier und ist nicht länger als jeder andere.`,
  )
  let words = 0
  const content = sentences.join(' ').replaceAll(' ', () => (++words % 7 === 0 ? '\n' : ' '))
  const chunks = await chunkPages(DOCUMENT, 1, [page(1, content)])
  let start = 0
  for (const sentence of sentences) {
    const end = start + sentence.length
    expect(chunks.some((chunk) => chunk.start <= start && end <= chunk.end)).toBe(true)
    start = end + 1
  }
})

test('the same pages have the same chunks with the same ids, and another document or revision has others', async () => {
  const pages = [page(1, text(['Satz. ', 'Wort '], seeded(1))), page(2, 'Ende.')]
  const chunks = await chunkPages(DOCUMENT, 1, pages)
  expect(await chunkPages(DOCUMENT, 1, pages)).toEqual(chunks)
  const ids = new Set(chunks.map((chunk) => chunk.id))
  expect(ids.size).toBe(chunks.length)
  for (const others of [await chunkPages(DOCUMENT, 2, pages), await chunkPages(DOCUMENT.replace('abcd', 'abce'), 1, pages)])
    expect(others.filter((chunk) => ids.has(chunk.id))).toEqual([])
})

test('a page without text has no chunk, and the pages after it keep their numbers', async () => {
  const pages: Page[] = [{ number: 1, method: 'no_text', text: '', reason: 'empty' }, page(2, ' \n '), page(3, 'Hier.')]
  expect(await chunkPages(DOCUMENT, 1, pages)).toMatchObject([{ ordinal: 0, page: 3, start: 0, end: 5 }])
})

test('a chunk ends at a paragraph before a line, a line before a sentence, a sentence before a word', async () => {
  const filler = (separator: string) => `${'a'.repeat(700)}${separator}${'b'.repeat(200)}`
  for (const [better, worse] of [
    ['\n\n', '\n'],
    ['\n', '. '],
    ['. ', ' '],
  ] as const) {
    const [first] = await chunkPages(DOCUMENT, 1, [page(1, `${filler(better)}${worse}${'c'.repeat(1_000)}`)])
    expect(first).toMatchObject({ start: 0 })
    expect(first?.end).toBeLessThanOrEqual(702)
  }
})

async function check(pages: Page[]): Promise<void> {
  const chunks = await chunkPages(DOCUMENT, 1, pages)
  expect(chunks.map((chunk) => chunk.ordinal)).toEqual(chunks.map((_, at) => at))
  for (const { number, text } of pages) {
    const mine = chunks.filter((chunk) => chunk.page === number)
    let [previousStart, covered] = [-1, 0]
    for (const { start, end } of mine) {
      // Plain comparisons: expect is too slow for millions of them.
      if (!(start >= 0 && end > start && end <= text.length)) throw new Error(`[${start}, ${end}) is no slice of ${text.length}`)
      if (end - start > CHARACTERS_MAX) throw new Error(`[${start}, ${end}) is too long`)
      if (start <= previousStart) throw new Error(`${start} is not ahead of ${previousStart}`)
      if (start > covered && text.slice(covered, start).trim() !== '') throw new Error(`[${covered}, ${start}) is in no chunk`)
      if (/^\s|\s$/.test(text.slice(start, end))) throw new Error(`[${start}, ${end}) begins or ends with white space`)
      if (splitsPair(text, start) || splitsPair(text, end)) throw new Error(`[${start}, ${end}) splits a character`)
      previousStart = start
      covered = Math.max(covered, end)
    }
    if (text.slice(covered).trim() !== '') throw new Error(`[${covered}, ${text.length}) is in no chunk`)
  }
}

function splitsPair(text: string, at: number): boolean {
  return /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(Math.max(0, at - 1), at + 1)) && at > 0
}

function page(number: number, content: string): Page {
  return { number, method: 'plain', text: content, reason: null }
}

function text(alphabet: readonly string[], random: () => number): string {
  const length = random() * CHARACTERS_MAX * 5
  let result = ''
  while (result.length < length) result += alphabet[Math.floor(random() * alphabet.length)] ?? ''
  return result
}

/** Mulberry32: the same seed gives the same run everywhere. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

test('a border never cuts a value that rules would mask: half of it would be sent unmasked', async () => {
  const value = 'DE89 3704 0044 0532 0130 00'
  for (let words = 0; words < 500; words++) {
    const of = page(1, `${'Wort '.repeat(words)}IBAN ${value} Ende ${'Wort '.repeat(300)}`)
    for (const { start, end } of await chunkPages(DOCUMENT, 1, [of])) {
      const shown = of.text.slice(start, end)
      if (/\d/.test(shown)) expect(shown).toContain(value)
    }
  }
})

test('a name across a border is masked on both sides of it: the recogniser sees it whole in one of the two chunks', async () => {
  const name = 'Wilhelmine Brockhagen-Osterloh'
  for (const [filler, separator] of [
    ['wort ', ' '],
    ['wort ', '\n'],
    ['ein Satz, der nicht endet und endet. ', ' '],
  ] as const) {
    for (let before = 0; before < 300; before++) {
      const written = name.replace(' ', separator)
      const content = `${filler.repeat(before)}${written} ${'wort '.repeat(300)}`
      const texts = (await chunkPages(DOCUMENT, 1, [page(1, content)])).map(({ start, end }) => content.slice(start, end))
      const session = createMasker({ kinds: ['name'], recogniser: listedNames([written]) }).open('de')
      for (const masked of await session.maskAll(texts, new AbortController().signal))
        expect(masked).not.toMatch(/Wilhelmine|Brockhagen|Osterloh/)
    }
  }
})
