import type { Evidence, FieldCheck, Page, ReadField } from '../../contracts/extraction.ts'
import type { ClaimedField } from '../provider.ts'
import { checkValue, inForm, type ValueCheck } from '../value-check.ts'
import { findContradictions } from './consistency.ts'
import { type Leaf, leafAt } from './leaves.ts'
import { orderLists } from './lists.ts'
import { placeClaims } from './places.ts'
import type { ExtractionSchema } from './schema.ts'

export interface Judged {
  pages: readonly Page[]
  schema: ExtractionSchema
  /** ISO 639-1, or null. */
  language: string | null
  /** True where rules of ours read the value and not a model: what they read, the quote states. Where it stands is looked up all the same. */
  byRules: boolean
}

/**
 * Claims about a document → its fields, by path. A field is `verified` only when its quote stands in a page and states the value, and nothing else that was
 * read says otherwise; `conflicting` when a checksum fails, two places disagree or sums do not add up; else `unverified`. `checks` says why. A path
 * that the schema does not have is left out.
 */
export function judgeClaims(claims: readonly ClaimedField[], judged: Judged): Record<string, ReadField> {
  const byPath = new Map<string, Read[]>()
  const places = placeClaims(claims, judged.pages)
  for (const [at, claim] of claims.entries()) {
    const leaf = leafAt(judged.schema.root, claim.path)
    if (!leaf) continue
    const known = byPath.get(claim.path) ?? []
    known.push(read(claim, leaf, places[at] ?? null, judged))
    byPath.set(claim.path, known)
  }
  const fields = orderLists(Object.fromEntries([...byPath].map(([path, reads]) => [path, settle(reads)])))
  const texts = judged.pages.map(({ text }) => text)
  return withContradictions(fields, findContradictions(fields, texts))
}

interface Read {
  value: string
  leaf: Leaf
  evidence: Evidence | null
  doubt: FieldCheck | null
}

function read(claim: ClaimedField, leaf: Leaf, evidence: Evidence | null, { language, byRules }: Judged): Read {
  const expected = leaf.format ?? leaf.type
  const value = byRules ? claim.value : inForm(expected, claim.value)
  if (claim.quote === null) return { value, leaf, evidence: null, doubt: 'not_quoted' }
  if (!evidence) return { value, leaf, evidence: null, doubt: 'quote_not_found' }
  if (claim.doubt) return { value, leaf, evidence, doubt: claim.doubt === 'conflicting' ? 'disagrees' : 'doubted' }
  if (byRules) return { value, leaf, evidence, doubt: null }
  if (leaf.values && !leaf.values.includes(value)) return { value, leaf, evidence, doubt: 'implausible' }
  // A word that was chosen from the schema is verified where the document has that word.
  const check = checkValue(leaf.values ? 'string' : expected, value, evidence.quote, language)
  return { value, leaf, evidence, doubt: DOUBTS[check] }
}

const DOUBTS: Readonly<Record<ValueCheck, FieldCheck | null>> = {
  stated: null,
  absent: 'value_not_in_quote',
  contradicted: 'checksum_failed',
  implausible: 'implausible',
}

/** Doubts that say that something is wrong, and not only that something is not known. */
const CONFLICTS: ReadonlySet<FieldCheck> = new Set(['checksum_failed', 'disagrees', 'sum_mismatch', 'order_mismatch'])

/** Of several claims about one thing the first without a doubt counts, with the evidence of all that say the same. Where the value has a form, another one is a conflict. */
function settle(reads: readonly Read[]): ReadField {
  const sure = reads.filter((one) => one.doubt === null)
  const chosen =
    sure[0] ?? reads.find((one) => one.doubt !== null && CONFLICTS.has(one.doubt)) ?? reads.find((one) => one.evidence) ?? reads[0]
  if (!chosen) throw new Error('a field without a claim')
  const same = (one: Read) => comparable(one) === comparable(chosen)
  const evidence = distinct(reads.filter((one) => same(one) && one.doubt === chosen.doubt).flatMap((one) => one.evidence ?? []))
  const disagrees = chosen.leaf.format !== null && sure.some((one) => !same(one))
  const checks = [...new Set([...(chosen.doubt ? [chosen.doubt] : []), ...(disagrees ? (['disagrees'] as const) : [])])]
  return { value: chosen.value, status: statusOf(checks), evidence, checks }
}

function statusOf(checks: readonly FieldCheck[]): ReadField['status'] {
  if (checks.some((check) => CONFLICTS.has(check))) return 'conflicting'
  return checks.length > 0 ? 'unverified' : 'verified'
}

function withContradictions(
  fields: Readonly<Record<string, ReadField>>,
  contradictions: ReadonlyMap<string, readonly FieldCheck[]>,
): Record<string, ReadField> {
  return Object.fromEntries(
    Object.entries(fields).map(([path, field]) => {
      const found = contradictions.get(path)
      if (!found || field.status === 'unverified') return [path, field]
      const checks = [...new Set([...field.checks, ...found])]
      return [path, { ...field, checks, status: statusOf(checks) }]
    }),
  )
}

function comparable({ value, leaf }: Read): string {
  if (leaf.format === 'amount' || leaf.format === 'quantity' || leaf.type === 'number' || leaf.type === 'integer')
    return String(Number(value))
  return value
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '')
}

function distinct(evidence: readonly Evidence[]): Evidence[] {
  return evidence.filter(
    (one, at) => evidence.findIndex((other) => other.page === one.page && other.start === one.start && other.end === one.end) === at,
  )
}
