import { z } from 'zod'
import { DocumentType } from './extraction.ts'

/** Shown in the clear, in answers, records and logs of access: it says what kind of document is meant, and names nobody. */
export const SchemaName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'a short lower-case name such as supplier-invoice')
export type SchemaName = z.infer<typeof SchemaName>

/** A JSON Schema (2020-12) as its author wrote it; `compileSchema` decides whether it can be used. */
const JsonSchema = z.record(z.string(), z.unknown())

/** `document_type`: used for every document of this type whose upload names no schema; null: only where an upload names it. */
export const NewSchema = z.strictObject({ name: SchemaName, document_type: DocumentType.nullable().default(null), schema: JsonSchema })
export type NewSchema = z.infer<typeof NewSchema>

/** Versions count from 1. `hash` is the SHA-256 (hex) of the canonical JSON (RFC 8785) of the schema. */
export const SchemaHead = z.strictObject({
  name: z.string(),
  version: z.int().min(1),
  document_type: DocumentType.nullable(),
  hash: z.string(),
  created_at: z.iso.datetime(),
})
export type SchemaHead = z.infer<typeof SchemaHead>

/** A retired version (`deleted_at`) is used for no further upload, and is kept to be read. */
export const SchemaView = z.strictObject({ ...SchemaHead.shape, deleted_at: z.iso.datetime().nullable(), schema: JsonSchema })
export type SchemaView = z.infer<typeof SchemaView>

export const SchemaList = z.strictObject({ schemas: z.array(SchemaHead) })
export type SchemaList = z.infer<typeof SchemaList>

/** By which schema a document's fields were read. */
export const SchemaReference = z.strictObject({ name: z.string(), version: z.int().min(1), hash: z.string() })
export type SchemaReference = z.infer<typeof SchemaReference>
