import { fold } from '../inference/builtin/reading.ts'
import { matchAt } from './characters.ts'
import type { Candidate } from './finding.ts'
import { postalCodeAt } from './postal-codes.ts'
import type { NumberToken, Source } from './source.ts'
import { namedPlaceAt, type Span, streetAt } from './streets.ts'

/** Between a street and its postal code: `, `, a line end, both. */
const GAP_LENGTH_MAX = 4
const BOX_LENGTH_MAX = 24

/**
 * Addresses as far as rules reach: a street with its number, a post box, and a postal code with its town, where the form of the code is certain or a
 * street stands before it. `Am Hang 3` is a street only when a postal code and a town follow. Towns alone, farms and countries are left to a recogniser.
 */
export function* findAddresses(source: Source): Generator<Candidate> {
  let behind = 0
  let place: Span | null = null
  let isStreet = false
  for (const token of source.tokens) {
    if (token.start < behind) continue
    const code = postalCodeAt(source, token)
    const follows = place !== null && isGap(source.text.slice(place.end, code?.start ?? token.start))
    if (code && (code.certain || follows)) {
      if (follows && place && !isStreet) yield address(place)
      yield address(code)
      behind = code.end
      place = null
      continue
    }
    const street = streetAt(source, token) ?? postBox(source, token)
    if (street) yield address(street)
    isStreet = street !== null
    place = street ?? namedPlaceAt(source, token)
    behind = street?.end ?? token.end
  }
}

const BOX =
  /(?<!\p{L})(?:postfach|p\.? ?o\.? ?box|postbus|boite postale|bp|apartado(?: de correos)?|casella postale|skr(?:ytka|\.) poczt(?:owa|\.)|postboks|box)[ .:]{1,2}$/u
const BOX_WORD_ENDS = new Set('hxsepoaHXSEPOA.')
const BOX_NUMBER = /\d{1,6}(?: \d{2,3}){0,2}(?![\p{L}\d]|[.,]\d)/uy

function postBox({ text }: Source, token: NumberToken): Span | null {
  if (text[token.start - 1] !== ' ' || !BOX_WORD_ENDS.has(text[token.start - 2] ?? ' ')) return null
  const before = text.slice(Math.max(0, token.start - BOX_LENGTH_MAX), token.start)
  const folded = fold(before)
  const label = folded.length === before.length ? BOX.exec(folded) : null
  return label && matchAt(BOX_NUMBER, text, token.start) && { start: token.start - label[0].length, end: BOX_NUMBER.lastIndex }
}

function isGap(text: string): boolean {
  return text.length > 0 && text.length <= GAP_LENGTH_MAX && /^[,;]?\s+$/.test(text)
}

function address({ start, end }: Span): Candidate {
  return { kind: 'address', start, end, certainty: 'shaped' }
}
