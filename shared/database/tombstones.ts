import { createReadStream } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { type Database, withTenant } from './connection.ts'
import { buryDocument } from './documents.ts'

const FILE_MODE = 0o600
const Tombstone = z.strictObject({ tenant_id: z.uuid(), document_id: z.uuid(), at: z.iso.datetime() })

export interface Tombstones {
  /** On disk when it resolves. To be called before anything of the document is destroyed. */
  append(document: { tenant_id: string; document_id: string }): Promise<void>
}

/** A list of what was erased, ids and times only, outside the database: a backup of the database that is older than an erasure does not know of it. */
export function openTombstones(path: string): Tombstones {
  return {
    append: async ({ tenant_id, document_id }) => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      const file = await open(path, 'a', FILE_MODE)
      try {
        // A line of its own even after one that a crash cut short: that one was for an erasure which had destroyed nothing yet.
        await file.write(`\n${JSON.stringify({ tenant_id, document_id, at: new Date().toISOString() })}\n`)
        await file.datasync()
      } finally {
        await file.close()
      }
      const folder = await open(dirname(path), 'r')
      await folder.sync().finally(() => folder.close())
    },
  }
}

/**
 * Buries what is on the list and what the database does not know as erased, whatever holds it has: it was erased before the backup was restored.
 * To be called before anything is served; the workers then erase it. Returns how many came back, and how many lines are no tombstones.
 */
export async function replayTombstones(database: Database, path: string): Promise<{ buried: number; unreadable: number }> {
  let unreadable = 0
  const known = new Map<string, string>()
  for await (const line of linesOf(path)) {
    if (line === '') continue
    const tombstone = parse(line)
    if (tombstone) known.set(tombstone.document_id, tombstone.tenant_id)
    else unreadable++
  }
  let buried = 0
  for (const [documentId, tenantId] of known) {
    const back = await withTenant(database, tenantId, async (tx) => {
      const row = await tx
        .selectFrom('documents')
        .select('id')
        .where('id', '=', documentId)
        .where('erased_at', 'is', null)
        .executeTakeFirst()
      if (row) await buryDocument(tx, tenantId, documentId)
      return row !== undefined
    })
    if (back) buried++
  }
  return { buried, unreadable }
}

async function* linesOf(path: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}

function parse(line: string): z.infer<typeof Tombstone> | null {
  try {
    return Tombstone.parse(JSON.parse(line))
  } catch (error) {
    // Cut short by a crash; the caller counts it.
    if (error instanceof SyntaxError || error instanceof z.ZodError) return null
    throw error
  }
}
