import { createReadStream } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { isStorageFull, systemCode } from '../blobs/system-errors.ts'
import { AppError } from '../contracts/errors.ts'
import { type Database, withTenant } from './connection.ts'
import { buryDocument } from './documents.ts'

const FILE_MODE = 0o600
/** Documents of one tenant in one transaction. */
const REPLAY_BATCH = 1_000
const Tombstone = z.strictObject({ tenant_id: z.uuid(), document_id: z.uuid(), at: z.iso.datetime() })

export interface Tombstones {
  /**
   * On disk, each whole, when it resolves. To be called before an erasure is acknowledged, and before anything of a document is destroyed; twice does no
   * harm. Throws STORAGE_FULL.
   */
  append(documents: readonly Buried[]): Promise<void>
}

interface Buried {
  tenant_id: string
  document_id: string
}

/** A list of what was erased, ids and times only, outside the database: a backup of the database that is older than an erasure does not know of it. */
export function openTombstones(path: string): Tombstones {
  return {
    append: async (documents) => {
      if (documents.length === 0) return
      try {
        await appendLines(path, documents)
      } catch (error) {
        throw isStorageFull(error) ? new AppError('STORAGE_FULL', 'the list of tombstones', { cause: error }) : error
      }
    },
  }
}

async function appendLines(path: string, documents: readonly Buried[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const file = await open(path, 'a', FILE_MODE)
  try {
    // A line of its own even after one that was cut short: that one was for an erasure which nobody was told of, and which had destroyed nothing.
    const at = new Date().toISOString()
    const lines = Buffer.from(
      documents.map(({ tenant_id, document_id }) => `\n${JSON.stringify({ tenant_id, document_id, at })}\n`).join(''),
    )
    // In one write, and a disk that is nearly full takes a part of it: the rest would land behind the lines that another process wrote meanwhile.
    const { bytesWritten } = await file.write(lines)
    if (bytesWritten !== lines.length) throw new AppError('STORAGE_FULL', 'the list of tombstones')
    await file.datasync()
  } finally {
    await file.close()
  }
  const folder = await open(dirname(path), 'r')
  await folder.sync().finally(() => folder.close())
}

/**
 * Buries what is on the list and what the database does not know as erased, whatever holds it has: it was erased before the backup was restored.
 * To be called before anything is served; the workers then erase it. Returns how many came back, and how many lines are no tombstones.
 */
export async function replayTombstones(database: Database, path: string): Promise<{ buried: number; unreadable: number }> {
  let unreadable = 0
  let buried = 0
  const known = new Map<string, Set<string>>()
  const bury = async (tenantId: string) => {
    buried += await buryAgain(database, tenantId, [...(known.get(tenantId) ?? [])])
    known.delete(tenantId)
  }
  for await (const line of linesOf(path)) {
    if (line === '') continue
    const tombstone = parse(line)
    if (!tombstone) unreadable++
    else {
      const ids = known.get(tombstone.tenant_id) ?? new Set()
      known.set(tombstone.tenant_id, ids.add(tombstone.document_id))
      if (ids.size >= REPLAY_BATCH) await bury(tombstone.tenant_id)
    }
  }
  for (const tenantId of [...known.keys()]) await bury(tenantId)
  return { buried, unreadable }
}

/** Returns how many of them were back. */
async function buryAgain(database: Database, tenantId: string, documentIds: readonly string[]): Promise<number> {
  return withTenant(database, tenantId, async (tx) => {
    const back = await tx
      .selectFrom('documents')
      .select('id')
      .where('id', 'in', [...documentIds])
      .where('erased_at', 'is', null)
      .orderBy('id')
      .execute()
    for (const { id } of back) await buryDocument(tx, tenantId, id)
    return back.length
  })
}

async function* linesOf(path: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
}

function parse(line: string): z.infer<typeof Tombstone> | null {
  try {
    return Tombstone.parse(JSON.parse(line))
  } catch (error) {
    // Cut short by a crash or a full disk; the caller counts it.
    if (error instanceof SyntaxError || error instanceof z.ZodError) return null
    throw error
  }
}
