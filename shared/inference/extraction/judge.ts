import { type Field, FieldName, type Page } from '../../contracts/extraction.ts'
import { locateInPages } from '../evidence.ts'
import type { ClaimedField } from '../provider.ts'
import { checkValue } from '../value-check.ts'

/** Claims about a document, each looked up in its pages: a field is `verified` only when its quote stands in a page and states the value. */
export function judgeClaims(claims: readonly ClaimedField[], pages: readonly Page[], language: string | null): Record<string, Field> {
  const kept = new Map<string, Field>()
  for (const claim of claims) {
    const field = judge(claim, pages, language)
    const known = kept.get(claim.path)
    if (!known || WORTH[field.status] > WORTH[known.status]) kept.set(claim.path, field)
  }
  return Object.fromEntries(kept)
}

const WORTH = { verified: 2, conflicting: 1, unverified: 0 } as const

function judge(claim: ClaimedField, pages: readonly Page[], language: string | null): Field {
  const { path, value, quote, page } = claim
  const evidence = quote === null ? null : locateInPages(pages, quote, page ?? undefined)
  const { data: name } = FieldName.safeParse(path)
  if (!evidence || name === undefined) return { value, status: 'unverified', evidence: [] }
  const check = checkValue(name, value, evidence.quote, language)
  const status = claim.conflicting || check === 'contradicted' ? 'conflicting' : check === 'stated' ? 'verified' : 'unverified'
  return { value, status, evidence: [evidence] }
}
