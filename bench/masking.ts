import { MaskKind } from '../shared/contracts/masking.ts'
import { createMasker } from '../shared/masking/masker.ts'
import { type Letter, makeLetter } from './letters.ts'
import { expectExactly, type Options } from './options.ts'
import { compare, type Row } from './report.ts'
import { interleave, perSecond, timedHere } from './rounds.ts'

const LETTERS = 1_400
const LETTERS_QUICK = 28
const PAGES = 3
const BYTES_PER_MB = 1_000_000
const GOAL = { of: 'product', atLeast: 5 } as const

/** All that rules find. Names cost what their recogniser costs, and that is another server. */
const KINDS = MaskKind.options.filter((kind) => kind !== 'name')

/**
 * Megabytes of business letters in seven languages masked in a second on one core, a session for each letter as for each call: finding, placeholders, and
 * the look through the masked text that the record's second count comes from. The baseline replaces every group of digits and every mail address by one
 * plain expression.
 */
export async function run({ rounds, quick, say }: Options): Promise<Row[]> {
  say('masking')
  const letters = Array.from({ length: quick ? LETTERS_QUICK : LETTERS }, (_, number) => makeLetter(number, PAGES))
  const megabytes = Buffer.byteLength(letters.flatMap(({ pages }) => pages).join('')) / BYTES_PER_MB
  const measured = await interleave(rounds, {
    product: () => timedHere(megabytes, () => maskAll(letters)),
    baseline: () => timedHere(megabytes, async () => replaceAll(letters)),
  })
  const planted = letters.reduce((sum, letter) => sum + letter.planted, 0)
  const note = `${letters.length} letters of ${PAGES} pages, ${megabytes.toFixed(1)} MB, ${planted} values of ${KINDS.length} kinds`
  return [compare({ name: 'masking', unit: 'MB/s', measured, of: perSecond, goal: GOAL, note })]
}

async function maskAll(letters: readonly Letter[]): Promise<void> {
  const masker = createMasker({ kinds: KINDS })
  const { signal } = new AbortController()
  for (const { language, pages, planted } of letters) {
    const session = masker.open(language)
    await session.maskAll(pages, signal)
    const { before, after } = session.counts()
    expectExactly(`values masked in ${language}`, total(before), planted)
    expectExactly(`values left in ${language}`, total(after), 0)
  }
}

function replaceAll(letters: readonly Letter[]): void {
  for (const { pages } of letters) for (const page of pages) page.replace(/\S+@\S+|\d+/g, '#')
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}
