import { findSchema, recordSchema } from '../../../shared/database/extraction-schemas.ts'
import { compileSchema, type ExtractionSchema } from '../../../shared/inference/extraction/schema.ts'
import type { OwnSchemas } from './stage.ts'

/** Compiled schemas that a worker keeps; the one that was used longest ago goes first. */
const COMPILED_MAX = 100

/** Those that the tenants of this database have added. Compiling one takes some milliseconds, and a version never changes. */
export function createOwnSchemas(): OwnSchemas {
  const compiled = new Map<string, ExtractionSchema>()
  return {
    find: async (tx, document, type) => {
      const stored = await findSchema(tx, { name: document.schema_name, document_type: type })
      if (!stored) return null
      const { tenant_id } = document
      const id = `${tenant_id}/${stored.name}/${stored.version}`
      const schema = compiled.get(id) ?? compileSchema(stored)
      compiled.delete(id)
      compiled.set(id, schema)
      for (const oldest of compiled.keys()) {
        if (compiled.size <= COMPILED_MAX) break
        compiled.delete(oldest)
      }
      return schema
    },
    record: recordSchema,
  }
}
