import type { ReadField } from '../../contracts/extraction.ts'
import { leavesOf } from '../extraction/leaves.ts'
import type { ExtractionSchema } from '../extraction/schema.ts'
import type { ClaimedField } from '../provider.ts'

type Fields = Readonly<Record<string, Omit<ReadField, 'checks'>>>

/**
 * What the rules found, as claims under the names of a schema: a leaf of the same name, else one of an organisation's own schema whose format only one
 * thing that was found has. What the rules do not know stays unread, and lists do.
 */
export function claimsFor({ root }: Pick<ExtractionSchema, 'root'>, fields: Fields): ClaimedField[] {
  return leavesOf(root).flatMap(({ path, leaf }) => {
    const field = fields[path] ?? (leaf.format ? onlyOne(fields, FOUND_UNDER[leaf.format] ?? []) : undefined)
    if (!field || path.includes('*')) return []
    const { value, status, evidence } = field
    return evidence.map(({ page, start, quote }) => ({
      path,
      value,
      quote,
      page,
      start,
      ...(status === 'verified' ? {} : { doubt: status }),
    }))
  })
}

/** Names of the rules' fields by the format that a schema may ask for; where several were found, nobody knows which one is meant. */
const FOUND_UNDER: Readonly<Record<string, readonly string[]>> = {
  iban: ['iban'],
  'vat-id': ['seller_vat_id', 'buyer_vat_id', 'vat_id'],
  currency: ['currency'],
  email: ['email'],
  phone: ['phone'],
}

function onlyOne(fields: Fields, names: readonly string[]): Fields[string] | undefined {
  const found = names.flatMap((name) => fields[name] ?? [])
  return found.length === 1 ? found[0] : undefined
}
