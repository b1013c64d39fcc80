import { MONTH_NUMBERS } from './months.ts'
import { fold } from './reading.ts'

/** Offsets into the text, without white space at the ends: `text.slice(start, end)` is the sentence. */
export interface Sentence {
  start: number
  end: number
}

/** A longer sentence is cut at the last break before this. UTF-16 code units. */
const SENTENCE_LENGTH_MAX = 600

/** A line this long, compared with the longest of the text, was wrapped; a shorter one ended on purpose. */
const WRAPPED_SHARE = 0.7
const LINE_WIDTH_MAX = 130
const WRAPPED_LENGTH_MIN = 45

/**
 * Sentences, list items, table rows and single lines, in order. Wrapped lines are joined; abbreviations, initials, ordinals ("3. März") and
 * numbers end nothing.
 */
export function splitSentences(text: string): Sentence[] {
  return splitBlocks(text)
    .flatMap((block) => splitBlock(text, block))
    .flatMap((sentence) => cutLong(text, sentence))
}

/** A line that begins so begins something new: list marks, clause numbers, headings, table rows, quoted mail. */
const BEGINS_BLOCK = /^\s*(?:[-*•–·◦▪>|#§]|\(?\d{1,3}[.)]\s|\d{1,2}(?:\.\d{1,2})+\.?\s|\(?[a-z]\)\s)/iu

/** `Label: value`, a heading, a table row: complete as they stand. */
const STANDS_ALONE = /^\s*(?:#|\|)|\|\s*$|\t|^\s*[\p{Lu}][^.!?]{0,30}:\s/u

function splitBlocks(text: string): Sentence[] {
  const width = Math.min(LINE_WIDTH_MAX, longestLine(text))
  const blocks: Sentence[] = []
  let start = 0
  for (let at = 0; at <= text.length; ) {
    const newline = text.indexOf('\n', at)
    const stop = newline < 0 ? text.length : newline
    const next = text.slice(stop + 1, stop + 1 + LINE_WIDTH_MAX)
    if (newline < 0 || endsBlock(text.slice(at, stop), next, width)) {
      pushTrimmed(blocks, text, start, stop)
      start = stop + 1
    }
    at = stop + 1
  }
  return blocks
}

function endsBlock(line: string, next: string, width: number): boolean {
  if (line.trim() === '' || /^\s*\n|^\s*$/.test(next) || BEGINS_BLOCK.test(next) || /^\s*[#|]|\|\s*$/.test(line)) return true
  const wrapped = line.length >= Math.max(WRAPPED_LENGTH_MIN, WRAPPED_SHARE * width)
  if (wrapped) return /\t/.test(line)
  if (/^\s*\p{Ll}/u.test(next)) return STANDS_ALONE.test(line) && !/[\p{L}\d,]$/u.test(line)
  return true
}

function longestLine(text: string): number {
  let longest = 0
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at)
    const stop = newline < 0 ? text.length : newline
    longest = Math.max(longest, stop - at)
    at = stop + 1
  }
  return longest
}

const TERMINATOR = /[.!?…]+["»”“’')\]]*(?=\s)/gu

function splitBlock(text: string, block: Sentence): Sentence[] {
  const body = text.slice(block.start, block.end)
  const sentences: Sentence[] = []
  let start = block.start
  for (const match of body.matchAll(TERMINATOR)) {
    const stop = block.start + match.index + match[0].length
    if (!endsSentence(body, match.index, match[0])) continue
    pushTrimmed(sentences, text, start, stop)
    start = stop
  }
  pushTrimmed(sentences, text, start, block.end)
  return sentences
}

/** Words whose full stop is no end, folded and without their dots; en de fr es it nl. */
const ABBREVIATIONS = new Set(
  (
    'mr mrs ms dr prof st vs etc eg ie no nr art abs abb tel str inkl exkl zzgl dh ua usw evtl ggf vgl bzw ca zb zt max min mio mrd gem gez hr fr frl ' +
    'sr sra srta dott sig ing mme mlle m mm av env cf ex fig vol ed pag pp p s ss inc ltd co jr rev gen col lt sgt capt approx dept est jan feb mar apr ' +
    'jun jul aug sep sept oct okt nov dec dez janv fevr avr juil bv nv sa spa srl ev eg rn rif num ref al uu blz dhr mevr mej ir drs nl bijv o'
  ).split(' '),
)

function endsSentence(body: string, at: number, mark: string): boolean {
  const after = /\S+/.exec(body.slice(at + mark.length, at + mark.length + 40))?.[0] ?? ''
  if (after === '') return true
  if (!/^["«„“‘'¿¡([]?[\p{Lu}\d]/u.test(after)) return false
  if (mark[0] !== '.' || mark.length > 1) return true
  const word = /[^\s(]+$/u.exec(body.slice(Math.max(0, at - 24), at))?.[0] ?? ''
  if (/^\d{1,2}$/.test(word)) return !MONTH_NUMBERS.has(fold(after.replace(/[^\p{L}]/gu, ''))) && !/^\p{Lu}\p{Ll}/u.test(after)
  const bare = fold(word.replaceAll('.', ''))
  return !ABBREVIATIONS.has(bare) && !/^\p{L}$/u.test(word) && !/^(?:\p{L}\.)+\p{L}$/u.test(word)
}

function cutLong(text: string, sentence: Sentence): Sentence[] {
  const pieces: Sentence[] = []
  let start = sentence.start
  while (sentence.end - start > SENTENCE_LENGTH_MAX) {
    const piece = text.slice(start, start + SENTENCE_LENGTH_MAX)
    const cut = Math.max(piece.lastIndexOf('; '), piece.lastIndexOf('\n'), piece.lastIndexOf(' | '))
    const space = piece.lastIndexOf(' ')
    const stop = start + (cut > SENTENCE_LENGTH_MAX / 2 ? cut + 1 : space > 0 ? space : SENTENCE_LENGTH_MAX)
    pushTrimmed(pieces, text, start, stop)
    start = stop
  }
  pushTrimmed(pieces, text, start, sentence.end)
  return pieces
}

function pushTrimmed(sentences: Sentence[], text: string, from: number, to: number): void {
  const raw = text.slice(from, to)
  const trimmed = raw.trim()
  if (trimmed === '') return
  const start = from + raw.length - raw.trimStart().length
  sentences.push({ start, end: start + trimmed.length })
}
