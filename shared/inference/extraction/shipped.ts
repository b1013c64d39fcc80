import { z } from 'zod'
import { DOCUMENT_SCHEMAS } from '../../contracts/document-schemas.ts'
import { DocumentType } from '../../contracts/extraction.ts'
import { compileSchema, type ExtractionSchema } from './schema.ts'

/** Rises when a shipped schema changes: records name it beside the hash. */
const VERSION = 1

const SHIPPED = new Map<DocumentType, ExtractionSchema>(
  DocumentType.options.map((type) => [type, compileSchema({ name: type, version: VERSION, type, json_schema: jsonSchemaOf(type) })]),
)

/** The schema that ships for a type. */
export function schemaFor(type: DocumentType): ExtractionSchema {
  const schema = SHIPPED.get(type)
  if (!schema) throw new Error(`no schema ships for ${type}`)
  return schema
}

/** `$schema` is not part of what strict modes take. */
function jsonSchemaOf(type: DocumentType): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(DOCUMENT_SCHEMAS[type], { io: 'output' })
  return schema
}
