import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { type Selectable, type SqlBool, sql } from 'kysely'
import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'
import type { DocumentType } from '../contracts/extraction.ts'
import type { NewSchema, SchemaHead, SchemaReference, SchemaView } from '../contracts/schemas.ts'
import { type ExtractionSchema, SCHEMA_BYTES_MAX } from '../inference/extraction/schema.ts'
import type { Tx } from './connection.ts'
import type { RevisionKey } from './content.ts'
import type { Tables } from './schema.ts'

/** Schemas that one organisation may use at a time. */
export const SCHEMAS_MAX = 200
/** Retired versions count: each is kept, because documents name it. */
export const SCHEMA_VERSIONS_MAX = 2_000

type SchemaRow = Selectable<Tables['extraction_schemas']>
/** What `compileSchema` takes, and its hash. */
export type StoredSchema = Pick<ExtractionSchema, 'name' | 'version' | 'hash' | 'type' | 'json_schema'>

const Stored = z.record(z.string(), z.unknown())

/** A schema in the form that is stored and hashed. */
export interface CanonicalSchema {
  json: string
  hash: string
}

/** Throws SCHEMA_TOO_LARGE, and SCHEMA_INVALID for text that is not well-formed Unicode (RFC 8785, 3.2.2.2). */
export function canonicalSchema(schema: NewSchema['schema']): CanonicalSchema {
  const json = canonicalJson(schema)
  if (Buffer.byteLength(json) > SCHEMA_BYTES_MAX) throw new AppError('SCHEMA_TOO_LARGE', `more than ${SCHEMA_BYTES_MAX} bytes`)
  return { json, hash: createHash('sha256').update(json).digest('hex') }
}

function canonicalJson(schema: NewSchema['schema']): string {
  try {
    return canonicalize(schema) ?? ''
  } catch (cause) {
    const message = 'a text in it is not well-formed Unicode'
    throw new AppError('SCHEMA_INVALID', message, { cause, extra: { errors: [{ where: 'schema', message }] } })
  }
}

/**
 * The next version of a name, or the newest one where that says the same. Requests of one tenant run one after the other, so that two at once give two
 * versions. Throws SCHEMA_LIMIT.
 */
export async function addSchema(
  tx: Tx,
  tenantId: string,
  { name, document_type }: Pick<NewSchema, 'name' | 'document_type'>,
  { json, hash }: CanonicalSchema,
): Promise<{ created: boolean; schema: SchemaHead }> {
  await tx.selectFrom('tenants').select('id').where('id', '=', tenantId).forNoKeyUpdate().execute()
  const newest = await newestVersion(tx, name)
  const live = newest && newest.deleted_at === null ? newest : null
  if (live && live.hash === hash && live.document_type === document_type) return { created: false, schema: headOf(live) }
  await expectRoom(tx, live === null)
  const row = await tx
    .insertInto('extraction_schemas')
    .values({
      tenant_id: tenantId,
      name,
      version: (newest?.version ?? 0) + 1,
      document_type,
      json_schema: json,
      hash,
      // Not the start of the transaction, which waited for others.
      created_at: sql<Date>`clock_timestamp()`,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  return { created: true, schema: headOf(row) }
}

async function expectRoom(tx: Tx, forNewName: boolean): Promise<void> {
  const { versions, names } = await tx
    .selectFrom('extraction_schemas')
    .select([
      sql<number>`count(*)::int`.as('versions'),
      sql<number>`count(DISTINCT name) FILTER (WHERE deleted_at IS NULL)::int`.as('names'),
    ])
    .executeTakeFirstOrThrow()
  if (forNewName && names >= SCHEMAS_MAX) throw new AppError('SCHEMA_LIMIT', `at most ${SCHEMAS_MAX} schemas`)
  if (versions >= SCHEMA_VERSIONS_MAX) throw new AppError('SCHEMA_LIMIT', `at most ${SCHEMA_VERSIONS_MAX} versions, retired ones included`)
}

/** The newest version of each that is not retired, by name. */
export async function listSchemas(tx: Tx): Promise<SchemaHead[]> {
  const rows = await liveSchemas(tx).orderBy('name').execute()
  return rows.map(headOf)
}

/** The newest version, or the one that is asked for, which may be retired. Throws SCHEMA_NOT_FOUND. */
export async function readSchema(tx: Tx, name: string, version?: number): Promise<SchemaView> {
  const row = version === undefined ? await newestVersion(tx, name) : await oneVersion(tx, name, version)
  if (!row || (version === undefined && row.deleted_at !== null)) throw new AppError('SCHEMA_NOT_FOUND')
  return { ...headOf(row), deleted_at: row.deleted_at?.toISOString() ?? null, schema: Stored.parse(JSON.parse(row.json_schema)) }
}

/** No further upload can name it and no further document of its type is read by it. Throws SCHEMA_NOT_FOUND. */
export async function retireSchema(tx: Tx, name: string): Promise<void> {
  const retired = await tx
    .updateTable('extraction_schemas')
    .set({ deleted_at: sql<Date>`now()` })
    .where('name', '=', name)
    .where('deleted_at', 'is', null)
    .returning('version')
    .execute()
  if (retired.length === 0) throw new AppError('SCHEMA_NOT_FOUND')
}

/** Throws SCHEMA_UNKNOWN: an upload that names what there is not, or no longer is, would be read by something else than its sender meant. */
export async function expectUsableSchema(tx: Tx, name: string): Promise<void> {
  const newest = await newestVersion(tx, name)
  if (newest?.deleted_at !== null) throw new AppError('SCHEMA_UNKNOWN')
}

/**
 * By which of the tenant's own schemas a document is read, or null where that is a shipped one. A name decides alone: its newest version, also when it was
 * retired after the document was taken in, since nothing else is what the upload asked for. Without a name it is the newest one that is for the type.
 */
export async function findSchema(
  tx: Tx,
  wanted: { name?: string | null; version?: number | null; document_type: DocumentType | null },
): Promise<StoredSchema | null> {
  const { name, version, document_type } = wanted
  if (name != null) return schemaOf(version == null ? await newestVersion(tx, name) : await oneVersion(tx, name, version))
  if (document_type === null) return null
  const ofType = liveSchemas(tx).where('document_type', '=', document_type).orderBy('created_at', 'desc').orderBy('name').limit(1)
  return schemaOf(await ofType.executeTakeFirst())
}

/** For the transaction of the stage that reads the fields; null where a shipped schema was used. */
export async function recordSchema(tx: Tx, key: RevisionKey, schema: SchemaReference | null): Promise<void> {
  await tx
    .updateTable('revisions')
    .set({ schema_name: schema?.name ?? null, schema_version: schema?.version ?? null, schema_hash: schema?.hash ?? null })
    .where('document_id', '=', key.document_id)
    .where('revision', '=', key.revision)
    .execute()
}

/** What `recordSchema` wrote. */
export async function recordedSchema(tx: Tx, key: Omit<RevisionKey, 'tenant_id'>): Promise<SchemaReference | null> {
  const row = await tx
    .selectFrom('revisions')
    .select(['schema_name', 'schema_version', 'schema_hash'])
    .where('document_id', '=', key.document_id)
    .where('revision', '=', key.revision)
    .executeTakeFirst()
  if (!row || row.schema_name === null || row.schema_version === null || row.schema_hash === null) return null
  return { name: row.schema_name, version: row.schema_version, hash: row.schema_hash }
}

/** Of a name there is one version in use, the newest: an older one with another type is for nothing. */
function liveSchemas(tx: Tx) {
  const newest = sql<SqlBool>`NOT EXISTS (SELECT FROM extraction_schemas newer WHERE newer.name = s.name AND newer.version > s.version)`
  return tx.selectFrom('extraction_schemas as s').selectAll('s').where('deleted_at', 'is', null).where(newest)
}

function newestVersion(tx: Tx, name: string): Promise<SchemaRow | undefined> {
  return tx.selectFrom('extraction_schemas').selectAll().where('name', '=', name).orderBy('version', 'desc').limit(1).executeTakeFirst()
}

function oneVersion(tx: Tx, name: string, version: number): Promise<SchemaRow | undefined> {
  return tx.selectFrom('extraction_schemas').selectAll().where('name', '=', name).where('version', '=', version).executeTakeFirst()
}

function headOf({ name, version, document_type, hash, created_at }: SchemaRow): SchemaHead {
  return { name, version, document_type, hash, created_at: created_at.toISOString() }
}

function schemaOf(row: SchemaRow | undefined): StoredSchema | null {
  if (!row) return null
  const { name, version, hash, document_type, json_schema } = row
  return { name, version, hash, type: document_type, json_schema: Stored.parse(JSON.parse(json_schema)) }
}
