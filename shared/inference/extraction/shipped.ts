import { z } from 'zod'
import { DOCUMENT_SCHEMAS } from '../../contracts/document-schemas.ts'
import type { DocumentType } from '../../contracts/extraction.ts'
import { compileSchema, type ExtractionSchema } from './schema.ts'

/** Rises when a shipped schema changes: records name it beside the hash. */
const VERSION = 1

/** Compiled when first asked for: a process reads few types, and the command line none. */
const COMPILED = new Map<DocumentType, ExtractionSchema>()

/** The schema that ships for a type. */
export function schemaFor(type: DocumentType): ExtractionSchema {
  const known = COMPILED.get(type)
  if (known) return known
  const compiled = compileSchema({ name: type, version: VERSION, type, json_schema: jsonSchemaOf(type) })
  COMPILED.set(type, compiled)
  return compiled
}

/** `$schema` is not part of what strict modes take. */
function jsonSchemaOf(type: DocumentType): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(DOCUMENT_SCHEMAS[type], { io: 'output' })
  return schema
}
