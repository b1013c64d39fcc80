import type { DocumentType } from '../../contracts/extraction.ts'
import type { ExtractionSchema } from './schema.ts'

/** The schema that ships for a type. */
export function schemaFor(type: DocumentType): ExtractionSchema {
  return { name: type, version: 1, hash: '', type, json_schema: {} }
}
