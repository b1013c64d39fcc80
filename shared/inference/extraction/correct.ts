import { AppError } from '../../contracts/errors.ts'
import { checkValue, inForm } from '../value-check.ts'
import { assemble } from './assemble.ts'
import { leafAt } from './leaves.ts'
import type { ExtractionSchema } from './schema.ts'

/**
 * A value that a person gives a field, in the form of the schema. `fields`: the values that the document has. Throws FIELD_UNKNOWN where the schema has no such
 * field, or the list not so many items, and FIELD_INVALID, without the value, for what is no value of its kind or makes a fitting document one that does not fit.
 */
export function correctedValue(
  schema: ExtractionSchema,
  fields: Readonly<Record<string, { value: string }>>,
  { name, value: given, language }: { name: string; value: string; language: string | null },
): string {
  const leaf = leafAt(schema.root, name)
  if (!leaf || !isNextItem(Object.keys(fields), name)) throw new AppError('FIELD_UNKNOWN')
  const expected = leaf.format ?? leaf.type
  const value = inForm(expected, given)
  if (leaf.values && !leaf.values.includes(value)) throw new AppError('FIELD_INVALID', `one of ${leaf.values.join(', ').slice(0, 500)}`)
  const check =
    leaf.type === 'boolean' ? (/^(?:true|false)$/.test(value) ? 'stated' : 'implausible') : checkValue(expected, value, value, language)
  if (check === 'contradicted') throw new AppError('FIELD_INVALID', 'its checksum fails')
  if (check !== 'stated') throw new AppError('FIELD_INVALID', `not a value of the kind ${expected}`)
  const before = assemble(fields, schema).schema_valid
  if (before && !assemble({ ...fields, [name]: { value } }, schema).schema_valid)
    throw new AppError('FIELD_INVALID', 'the schema does not allow it')
  return value
}

/** Of a list there may be one item more than there are: a hole would be closed, and everything behind it renamed. */
function isNextItem(names: readonly string[], name: string): boolean {
  const parts = name.split('.')
  return parts.every((part, at) => {
    if (!/^\d+$/.test(part)) return true
    const list = `${parts.slice(0, at).join('.')}.`
    const items = names.flatMap((other) => (other.startsWith(list) ? [Number(other.slice(list.length).split('.')[0])] : []))
    return Number(part) <= Math.max(-1, ...items) + 1
  })
}
