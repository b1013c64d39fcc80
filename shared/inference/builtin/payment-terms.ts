import type { ReadPage, Span } from './reading.ts'

export interface PaymentTerm {
  days: number
  span: Span
}

/** Longer terms are typing errors; EU law presumes 60 days the maximum between businesses (Directive 2011/7/EU, Art. 3(5)). */
const DAYS_MAX = 365

/** Terms of payment such as "payable within 30 days", "14 Tage netto", "à 30 jours", without those of a discount for early payment. */
export function findPaymentTerms(page: ReadPage): PaymentTerm[] {
  const terms: PaymentTerm[] = []
  for (const match of page.text.matchAll(TERM)) {
    const days = Number(match[1] ?? match[2])
    const lineEnd = page.text.indexOf('\n', match.index)
    const ahead = page.text.slice(Math.max(0, match.index - CONTEXT_LENGTH), match.index)
    const after = page.text.slice(
      match.index + match[0].length,
      Math.min(match.index + match[0].length + CONTEXT_LENGTH, lineEnd < 0 ? page.text.length : lineEnd),
    )
    if (days > DAYS_MAX || DISCOUNT_AHEAD.test(ahead) || DISCOUNT_AFTER.test(after)) continue
    if (match[2] === undefined && !PAYMENT.test(ahead + match[0] + after)) continue
    terms.push({ days, span: { page: page.number, start: match.index, end: match.index + match[0].length } })
  }
  return terms
}

const CONTEXT_LENGTH = 60
const DAYS = '(?:calendar days|days?|Kalendertagen?|Tagen?|Tage|jours?|d[ií]as|giorni|dagen)'
const WITHIN = '(?:within|in|innerhalb(?: von)?|binnen|in|unter|sous|dans(?: les)?|à|en|a|entro|in)'
const TERM = new RegExp(
  `(?<![\\p{L}\\d])(?:${WITHIN} (\\d{1,3}) ${DAYS}|(?:net |netto )?(\\d{1,3}) ${DAYS} (?:net|netto|net cash|rein netto|fin de mois))(?![\\p{L}])`,
  'giu',
)
const PAYMENT = /pay|zahl|fällig|begleich|überweis|règl|regl|paie|pagar|pago|pagament|saldo|betal|voldoe|due|échéance|terms|conditions/iu
const DISCOUNT_AHEAD = /(?:%|Skonto|discount|escompte|descuento|sconto|korting)[^.\n]{0,20}$/iu
const DISCOUNT_AFTER = /^[^.\n]{0,20}(?:%|Skonto|discount|escompte|descuento|sconto|korting)/iu
