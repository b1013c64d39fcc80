import { euVat, stdnum, type Validator } from 'stdnum'
import type { FoundIdentifier } from './identifiers.ts'
import type { ReadPage } from './reading.ts'

/**
 * VAT identification numbers of the EU, Northern Ireland, Great Britain and Switzerland, with their country letters, spaced or not. `valid` is the
 * country's own checksum.
 */
export function findVatIds(page: ReadPage): FoundIdentifier[] {
  const found: FoundIdentifier[] = []
  for (const match of page.text.matchAll(PREFIX)) {
    const prefix = match[0]
    const body = BODIES[prefix]?.exec(page.text.slice(match.index + prefix.length, match.index + prefix.length + BODY_LENGTH_MAX))
    if (!body) continue
    const end = match.index + prefix.length + body[0].length
    found.push(vatId(page, prefix, body[0], match.index, end))
  }
  return found
}

/**
 * The number that stands after a label (`P. IVA`, `NIF`, `VAT no.`) at `from`. Where the label or the language names the country, its letters may be
 * missing in print; the value has them. What looks like a number but fits no country comes back with `valid: false`.
 */
export function findLabelledVatId(page: ReadPage, from: number, country: string | null): FoundIdentifier | null {
  const ahead = page.text.slice(from, from + AHEAD_LENGTH_MAX)
  const gap = LABEL_GAP.exec(ahead)?.[0].length ?? 0
  const rest = ahead.slice(gap)
  const start = from + gap
  const body = country === null ? null : BODIES[country]?.exec(rest)
  if (country !== null && body) return vatId(page, country, body[0], start, start + body[0].length)
  const odd = knownForm(rest) ? null : ODD.exec(rest)
  return odd && { value: odd[0].replace(/[ .-]/g, ''), valid: false, span: { page: page.number, start, end: start + odd[0].length } }
}

const BODY_LENGTH_MAX = 30
const AHEAD_LENGTH_MAX = 60
const LABEL_GAP = /^[\s:.#°)]{0,6}/

/** What follows the country's letters (European Commission, VIES, "structure of VAT numbers"), each sign perhaps after a space, dot or hyphen. */
const BODIES: Readonly<Record<string, RegExp>> = {
  AT: body('U', 8),
  BE: body('[01]', 9),
  BG: body('', 9, 10),
  CHE: body('', 9, 9, '(?:[ .-]?(?:MWST|TVA|IVA))?'),
  CY: body('', 8, 8, '[ .-]?[A-Z]'),
  CZ: body('', 8, 10),
  DE: body('', 9),
  DK: body('', 8),
  EE: body('', 9),
  EL: body('', 9),
  ES: body('[A-Z\\d]', 7, 7, '[ .-]?[A-Z\\d]'),
  FI: body('', 8),
  FR: body('[A-HJ-NP-Z\\d][A-HJ-NP-Z\\d]', 9),
  GB: body('', 9, 12),
  HR: body('', 11),
  HU: body('', 8),
  IE: body('', 7, 7, '[A-W][A-IW]?'),
  IT: body('', 11),
  LT: body('', 9, 12),
  LU: body('', 8),
  LV: body('', 11),
  MT: body('', 8),
  NL: body('', 9, 9, '[ .-]?B[ .-]?\\d\\d'),
  PL: body('', 10),
  PT: body('', 9),
  RO: body('', 6, 10),
  SE: body('', 12),
  SI: body('', 8),
  SK: body('', 10),
  XI: body('', 9, 12),
}

const PREFIX = new RegExp(`(?<![\\p{L}\\d])(?:${Object.keys(BODIES).join('|')})(?=[ .-]{0,2}[A-Z\\d])`, 'gu')
const STARTS_VAT_ID = new RegExp(`^(?:${Object.keys(BODIES).join('|')})`)
const ODD = /^[A-Z]{2}(?:[ .-]?[A-Z\d]){7,12}(?![\p{L}\d])/u

/** findVatIds finds it by itself. */
function knownForm(text: string): boolean {
  const prefix = STARTS_VAT_ID.exec(text)?.[0] ?? ''
  return BODIES[prefix]?.test(text.slice(prefix.length)) ?? false
}

function body(first: string, digitsMin: number, digitsMax = digitsMin, last = ''): RegExp {
  return new RegExp(`^[ .-]{0,2}${first}(?:[ .-]?\\d){${digitsMin},${digitsMax}}${last}(?![\\p{L}\\d])`, 'u')
}

function vatId(page: ReadPage, prefix: string, printedBody: string, start: number, end: number): FoundIdentifier {
  const compact = printedBody.replace(/[^A-Z\d]/g, '')
  return { value: prefix + compact, valid: isValid(prefix, compact), span: { page: page.number, start, end } }
}

function isValid(prefix: string, compact: string): boolean {
  return validators(prefix).some((validator) => validator.validate(prefix === 'CHE' ? `CHE${compact}` : compact).isValid)
}

function validators(prefix: string): readonly Validator[] {
  const british = stdnum.GB?.vat
  if (prefix === 'GB' || prefix === 'XI') return british ? [british] : []
  if (prefix === 'EL') return euVat.GR ?? []
  return euVat[prefix.slice(0, 2)] ?? []
}
