import { sql } from 'kysely'
import type { MediaType } from '../contracts/document.ts'
import { PolicyTask } from '../policy/policy.ts'
import type { Experience } from '../policy/usage.ts'
import type { Tx } from './connection.ts'

/** The newest say most about the next. */
const DOCUMENTS_MAX = 1_000
const CALLS_MAX = 10_000

/** What the tenant's own documents were like, and what its own model calls used for a page of them: quartiles by type. Reads lengths and counts, no content. */
export async function readExperience(tx: Tx): Promise<Experience> {
  return { sizes: await readSizes(tx), tokens: await readTokens(tx) }
}

async function readSizes(tx: Tx): Promise<Experience['sizes']> {
  const { rows } = await sql<{ media_type: MediaType; documents: string; characters: number[]; bytes: number[] }>`
    WITH sized AS (
      SELECT d.media_type, avg(p.characters)::float8 AS characters, d.bytes::float8 / count(*) AS bytes
      FROM (SELECT id, revision, media_type, bytes FROM documents WHERE erased_at IS NULL ORDER BY id DESC LIMIT ${DOCUMENTS_MAX}) d
        JOIN pages p ON p.document_id = d.id AND p.revision = d.revision
      GROUP BY d.id, d.media_type, d.bytes
    )
    SELECT media_type, count(*) AS documents, percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY characters) AS characters,
      percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY bytes) AS bytes
    FROM sized GROUP BY media_type`.execute(tx)
  return rows.map(({ media_type, documents, characters, bytes }) => ({
    media_type,
    documents: Number(documents),
    characters_per_page: spanOf(characters),
    bytes_per_page: spanOf(bytes),
  }))
}

async function readTokens(tx: Tx): Promise<Experience['tokens']> {
  const { rows } = await sql<{ media_type: MediaType; task: string; documents: string; tokens_in: number[]; tokens_out: number[] }>`
    WITH calls AS (
      SELECT event FROM events, LATERAL (SELECT body::jsonb AS event OFFSET 0) parsed
      WHERE phase = 'completed' AND closes IS NOT NULL AND event->>'result' = 'ok' AND event->>'doc_ref' IS NOT NULL
        AND outcome = 'completed' AND (event->'model'->>'language_model')::boolean
      ORDER BY occurred_at DESC, seq DESC LIMIT ${CALLS_MAX}
    ), used AS (
      SELECT (event->>'doc_ref')::uuid AS id, (event->>'revision')::int AS revision, event->'model'->>'task' AS task,
        sum((event->'model'->>'tokens_in')::bigint)::float8 AS tokens_in, sum((event->'model'->>'tokens_out')::bigint)::float8 AS tokens_out
      FROM calls GROUP BY 1, 2, 3
    ), paged AS (
      SELECT d.media_type, used.task, used.tokens_in / count(*) AS tokens_in, used.tokens_out / count(*) AS tokens_out
      FROM used JOIN documents d ON d.id = used.id JOIN pages p ON p.document_id = used.id AND p.revision = used.revision
      GROUP BY used.id, used.revision, used.task, d.media_type, used.tokens_in, used.tokens_out
    )
    SELECT media_type, task, count(*) AS documents, percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY tokens_in) AS tokens_in,
      percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY tokens_out) AS tokens_out
    FROM paged GROUP BY media_type, task`.execute(tx)
  return rows.flatMap(({ media_type, task, documents, tokens_in, tokens_out }) => {
    const known = PolicyTask.safeParse(task)
    if (!known.success) return []
    return [
      {
        media_type,
        task: known.data,
        documents: Number(documents),
        tokens_in_per_page: spanOf(tokens_in),
        tokens_out_per_page: spanOf(tokens_out),
      },
    ]
  })
}

/** The lower quartile rounded down, the upper one up. */
function spanOf([low = 0, high = low]: readonly number[]) {
  return { low: Math.floor(low), high: Math.ceil(high) }
}
