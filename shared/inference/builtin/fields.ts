import type { ReadField } from '../../contracts/extraction.ts'
import { evidenceOf, type ReadPage, type Span } from './reading.ts'

/** What a rule found, before its evidence is cut out of the pages. */
export interface FoundField {
  value: string
  status: ReadField['status']
  spans: readonly Span[]
}

export type FoundFields = Record<string, FoundField | null>

/** Leaves out what was not found, and quotes each span as it is printed. */
export function toFields(pages: readonly ReadPage[], found: FoundFields): Record<string, Omit<ReadField, 'checks'>> {
  const fields: Record<string, Omit<ReadField, 'checks'>> = {}
  for (const [name, field] of Object.entries(found)) {
    if (field) fields[name] = { value: field.value, status: field.status, evidence: field.spans.map((span) => evidenceOf(pages, span)) }
  }
  return fields
}

/** What stands in a span is the value. */
export function asPrinted(page: ReadPage, span: Span, status: FoundField['status']): FoundField {
  return { value: page.text.slice(span.start, span.end), status, spans: [span] }
}

/** An identifier whose checksum fails stands in the page all the same: it is kept, and says so. */
export function checked(found: { value: string; valid: boolean; span: Span } | null | undefined): FoundField | null {
  return found ? { value: found.value, status: found.valid ? 'verified' : 'conflicting', spans: [found.span] } : null
}
