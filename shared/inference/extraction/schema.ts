import type { DocumentType } from '../../contracts/extraction.ts'

/** What is to be read from a document: the schema that ships for its type, or one of the organisation's own. */
export interface ExtractionSchema {
  name: string
  version: number
  /** SHA-256 (hex) of the canonical JSON (RFC 8785) of `json_schema`: events name it. */
  hash: string
  /** The type that it is for, or null for one that was asked for by name. */
  type: DocumentType | null
  /** JSON Schema 2020-12: an object whose leaves are scalars; lists hold objects or scalars. */
  json_schema: Readonly<Record<string, unknown>>
}
