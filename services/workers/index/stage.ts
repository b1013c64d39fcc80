import { AppError } from '../../../shared/contracts/errors.ts'
import type { Page } from '../../../shared/contracts/extraction.ts'
import type { Chunk } from '../../../shared/contracts/retrieval.ts'
import { registerArtifact } from '../../../shared/database/artifacts.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { readPages, replaceChunks } from '../../../shared/database/content.ts'
import { readCorrections } from '../../../shared/database/field-reviews.ts'
import { assertCurrent } from '../../../shared/database/stages.ts'
import type { Embedder } from '../../../shared/inference/embedder.ts'
import type { PassPoint } from '../../../shared/runtime/faults.ts'
import { nextTurn } from '../../../shared/runtime/turns.ts'
import type { Point, SearchStore } from '../../../shared/search/port.ts'
import { tokenHasher, tokenize } from '../../../shared/search/tokens.ts'
import { openKeys, type StageHandler, type StageRun, type StageServices } from '../stage.ts'
import { subjectOf } from '../subject.ts'
import { chunkPages } from './chunk.ts'
import { chunkCorrections } from './corrections.ts'

/** Tokens of so many chunks are made in one turn of the event loop: a worker that blocks it longer loses its locks. */
const CHUNKS_PER_TURN = 32

interface IndexServices extends StageServices {
  embedder: Embedder
  search: SearchStore
  passPoint: PassPoint
}

/** Pages → chunks → vectors and token hashes, counted in the search store before the document is called indexed. */
export function createIndex(services: IndexServices): StageHandler {
  const { database, vault, embedder, search, passPoint } = services
  return async (run) => {
    const { key, document, tenantKeys, signal } = run
    const keys = await openKeys(vault, run)
    const { pages, corrections } = await withTenant(database, key.tenant_id, async (tx) => ({
      pages: await readPages(tx, key, keys),
      corrections: await readCorrections(tx, key, keys),
    }))
    const printed = await chunkPages(key.document_id, key.revision, pages)
    const corrected = chunkCorrections(key, printed, corrections)
    const chunks = [...printed, ...corrected.map(({ chunk }) => chunk)]
    const texts = [...textsOf(pages, printed), ...corrected.map(({ text }) => text)]
    const vectors = await embedder.embed(
      {
        tenant_id: key.tenant_id,
        step: 'index',
        subjects: [subjectOf(run)],
        language: document.language,
        prompt_keys: [keys.commitment],
        signal,
      },
      texts,
    )
    const points: Point[] = []
    const hashTokens = tokenHasher(tenantKeys.tokens)
    for (const [at, chunk] of chunks.entries()) {
      if (at % CHUNKS_PER_TURN === 0) await nextTurn()
      const tokens = hashTokens(tokenize(texts[at] ?? '', document.language))
      points.push({ id: chunk.id, document_id: key.document_id, revision: key.revision, vector: vectors?.[at] ?? null, tokens })
    }
    await withTenant(database, key.tenant_id, async (tx) => {
      await assertCurrent(tx, { ...key, stage: 'index' }, run.epoch)
      await registerArtifact(tx, {
        tenant_id: key.tenant_id,
        document_id: key.document_id,
        kind: 'points',
        store: search.name,
        locator: key.document_id,
      })
    })
    passPoint('index:registered', key.document_id)
    const counted = await store(services, run, points)
    if (counted !== points.length) throw new AppError('INDEX_INCOMPLETE', `${counted} of ${points.length} points`)
    return {
      write: async (tx) => {
        await replaceChunks(tx, key, chunks)
        await tx.updateTable('documents').set({ live_revision: key.revision }).where('id', '=', key.document_id).execute()
      },
      event: {
        operation: 'Store',
        provenance: 'derived',
        stores: [{ store: search.name, kind: vectors ? 'points' : 'points_without_vectors', remaining: counted }],
      },
    }
  }
}

/**
 * Writes the points and counts them. Where a newer revision has become the live one meanwhile, its `done` may have removed what there was of this one
 * before this was written, and nobody would look again.
 */
async function store(
  { database, search }: IndexServices,
  { key, expectTime, leaveUnanswered }: StageRun,
  points: readonly Point[],
): Promise<number> {
  try {
    await search.replace(key, points, expectTime).catch((error: unknown) => {
      if (!(error instanceof AppError) || error.code === 'UNAVAILABLE') leaveUnanswered()
      throw error
    })
    return await search.count(key)
  } finally {
    const { tenant_id, document_id } = key
    const live = await withTenant(database, tenant_id, (tx) =>
      tx
        .selectFrom('documents')
        .select('live_revision')
        .where('id', '=', document_id)
        .where('live_revision', '>', key.revision)
        .executeTakeFirst(),
    )
    if (live?.live_revision) await search.remove({ tenant_id, document_id, beforeRevision: live.live_revision })
  }
}

function textsOf(pages: readonly Page[], chunks: readonly Chunk[]): string[] {
  const byNumber = new Map(pages.map((page) => [page.number, page.text]))
  return chunks.map((chunk) => (byNumber.get(chunk.page) ?? '').slice(chunk.start, chunk.end))
}
