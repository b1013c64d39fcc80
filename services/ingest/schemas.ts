import { z } from 'zod'
import { NewSchema, SchemaHead, SchemaList, SchemaView } from '../../shared/contracts/schemas.ts'
import { type Database, withTenant } from '../../shared/database/connection.ts'
import { addSchema, canonicalSchema, listSchemas, readSchema, retireSchema } from '../../shared/database/extraction-schemas.ts'
import type { ExtractionSchema } from '../../shared/inference/extraction/schema.ts'
import { authorize } from '../../shared/runtime/auth.ts'
import type { HttpServer } from '../../shared/runtime/http.ts'

/** A schema of the largest size that is taken, with the white space of somebody who writes by hand. */
const BODY_BYTES_MAX = 256 * 1024
const tags = ['schemas']
const Name = z.object({ name: NewSchema.shape.name })

/** Throws SCHEMA_INVALID, whose `errors` say where and what, for a schema that documents cannot be read by. */
export type CompileSchema = (schema: Pick<ExtractionSchema, 'name' | 'version' | 'type' | 'json_schema'>) => unknown

/** The organisation's own schemas for extraction. */
export function addSchemaRoutes(server: HttpServer, database: Database, compile: CompileSchema): void {
  const read = authorize(database, 'documents:read')
  const write = authorize(database, 'documents:write')

  server.post(
    '/v1/schemas',
    {
      onRequest: write,
      bodyLimit: BODY_BYTES_MAX,
      schema: {
        tags,
        summary: 'Add a schema, or the next version of one',
        description:
          'A JSON Schema (2020-12) of the fields that are to be read. With `document_type` it is used for every document of that type whose upload names no schema; ' +
          'without, only where an upload names it. The same name again makes the next version (201); the same schema and type as the newest version returns that one (200). ' +
          'A version never changes. The name of a schema and the names of its fields are kept and shown in the clear: they must hold no personal data.',
        body: NewSchema,
        response: { 200: SchemaHead, 201: SchemaHead },
      },
    },
    async ({ identity, body }, reply) => {
      const canonical = canonicalSchema(body.schema)
      compile({ name: body.name, version: 1, type: body.document_type, json_schema: body.schema })
      const { created, schema } = await withTenant(database, identity.tenantId, (tx) => addSchema(tx, identity.tenantId, body, canonical))
      return reply.status(created ? 201 : 200).send(schema)
    },
  )

  server.get(
    '/v1/schemas',
    { onRequest: read, schema: { tags, summary: 'The newest version of each schema', response: { 200: SchemaList } } },
    async ({ identity }) => ({ schemas: await withTenant(database, identity.tenantId, listSchemas) }),
  )

  server.get(
    '/v1/schemas/:name',
    {
      onRequest: read,
      schema: {
        tags,
        summary: 'A schema, its newest version unless another is asked for',
        description: 'A version that was retired is still found by its number: documents name it.',
        params: Name,
        querystring: z.strictObject({ version: z.coerce.number().int().min(1).max(2_147_483_647).optional() }),
        response: { 200: SchemaView },
      },
    },
    ({ identity, params, query }) => withTenant(database, identity.tenantId, (tx) => readSchema(tx, params.name, query.version)),
  )

  server.delete(
    '/v1/schemas/:name',
    {
      onRequest: write,
      schema: {
        tags,
        summary: 'Retire all versions of a schema',
        description:
          'No further upload can name it. Documents that it was used for keep their fields, and those taken in before it was retired are still read by it.',
        params: Name,
        response: { 204: z.null() },
      },
    },
    async ({ identity, params }, reply) => {
      await withTenant(database, identity.tenantId, (tx) => retireSchema(tx, params.name))
      return reply.status(204).send(null)
    },
  )
}
