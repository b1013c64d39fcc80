import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createDone } from '../../../services/workers/done/stage.ts'
import { createEnrich, SHIPPED_ONLY } from '../../../services/workers/enrich/stage.ts'
import { createErase } from '../../../services/workers/erase/stage.ts'
import { createExtract } from '../../../services/workers/extract/stage.ts'
import { createIndex } from '../../../services/workers/index/stage.ts'
import { startWorkerLoop } from '../../../services/workers/loop.ts'
import { createTextRoom } from '../../../services/workers/text-room.ts'
import { hmac } from '../../../shared/blobs/keys.ts'
import { type OnDuplicate, UploadOptions } from '../../../shared/contracts/document.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import type { Stage } from '../../../shared/contracts/jobs.ts'
import { sealAnnex } from '../../../shared/database/annex.ts'
import { forgetArtifact, registerArtifact } from '../../../shared/database/artifacts.ts'
import { acceptDocument, addRevision, buryDocument } from '../../../shared/database/documents.ts'
import type { DueJob } from '../../../shared/database/outbox.ts'
import { redriveDocument } from '../../../shared/database/redrive.ts'
import { openTombstones } from '../../../shared/database/tombstones.ts'
import { type ModelGateway, mapTasks } from '../../../shared/inference/gateway.ts'
import { dispatchOnce } from '../../../shared/queue/dispatcher.ts'
import { redriveOnce } from '../../../shared/queue/redrive.ts'
import { sweepOnce } from '../../../shared/queue/sweeper.ts'
import { NO_FAULTS } from '../../../shared/runtime/faults.ts'
import { createMetrics } from '../../../shared/runtime/metrics.ts'
import type { Point, SearchStore } from '../../../shared/search/port.ts'
import { handQueue } from '../../support/hand-queue.ts'
import { fakeProvider } from '../../support/providers.ts'
import { recordingLog } from '../../support/recording-log.ts'
import { retentionRules } from '../../support/retention.ts'
import type { Workbench } from '../../support/workbench.ts'
import type { View } from './stage-model.ts'
import { type Start, takeReins, watchTransactions } from './stage-starts.ts'

const HOUR_MS = 3_600_000
export const FIRST_RULES = 'rules 0'

export interface Job {
  document: number
  revision: number
  stage: Stage
}

/** The real stages and the real loop on a real database; the queue, the clock and what the handlers do next are in the test's hands. */
export interface World {
  readonly lines: ReturnType<typeof recordingLog>['lines']
  /** Uploads one of a few contents; says which document that is now. */
  send(content: number, onDuplicate: OnDuplicate): Promise<number>
  reprocess(document: number): Promise<void>
  bury(document: number): Promise<void>
  redrive(document: number): Promise<void>
  /** Everybody who starts from here on decides by these. */
  changeRules(rules: string): void
  /** Processes start together under the rules of now, and go on with what others refused. Says which documents that was. */
  redriveRefused(processes: number): Promise<number[]>
  /** Null where nothing was started. */
  deliver(job: Job): Promise<Start | null>
  /** Hands what is due to the queue and says what that was. A `crash` comes after that and before the commit. */
  publish(crash?: boolean): Promise<Job[]>
  sweep(): Promise<void>
  /** Every pause is over, and nobody has looked for anything for a while. */
  age(): Promise<void>
  /** So much time that no start of before can be at work, but in a process that stands still. */
  settle(): Promise<void>
  observe(): Promise<View[]>
  /** What of the originals is there, and how many entries of the list of artifacts are not marked as erased. */
  leavings(document: number): Promise<{ original: boolean; artifacts: number }>
}

export async function openWorld(bench: Workbench): Promise<World> {
  const { database, tenants, tenantId, vault, blobs } = bench
  // What an earlier world left is nobody's business any more.
  await bench.query(`DELETE FROM greffier.outbox; UPDATE greffier.stages SET status = 'completed' WHERE status IN ('pending', 'running');
    UPDATE greffier.documents SET status = 'failed' WHERE status = 'refused'`)
  const search = searchInMemory()
  const { log, lines } = recordingLog()
  const ids: string[] = []
  const dedupe = new Map<number, Buffer>()
  const redrives = new Map<string, number>()
  const countRedrive = (id: string) => void redrives.set(id, (redrives.get(id) ?? 0) + 1)
  let refusedUnder = FIRST_RULES
  const keyOf = ({ document, revision }: Pick<Job, 'document' | 'revision'>) => ({
    tenant_id: tenantId,
    document_id: ids[document] ?? '',
    revision,
  })

  const deliver = (job: Job) => {
    const reins = takeReins()
    const held: SearchStore = {
      ...search,
      replace: async (scope, points) => {
        await reins.pause('registered')
        await search.replace(scope, points)
      },
    }
    const extractor = {
      extract: async (source: Readable) => {
        source.destroy()
        return reins.ending() === 'no_text' ? [EMPTY_PAGE] : [PAGE]
      },
      close: async () => undefined,
    }
    const services = {
      database,
      tenants,
      vault,
      blobs,
      search: held,
      extractor,
      gateway: GATEWAY,
      embedder: EMBEDDER,
      passPoint: NO_FAULTS,
      room: createTextRoom(1_000_000),
      ownSchemas: SHIPPED_ONLY,
      tombstones: openTombstones(join(bench.folder, 'tombstones.jsonl')),
    }
    const queue = handQueue()
    const { watched, quiet } = watchTransactions(database)
    const loop = startWorkerLoop({
      ...services,
      database: watched,
      log,
      metrics: METRICS,
      refusedUnder: () => refusedUnder,
      retention: retentionRules(),
      onDue: () => undefined,
      backend: queue.backend,
      handlers: {
        extract: reins.hold(createExtract(services)),
        enrich: reins.hold(createEnrich(services)),
        index: reins.hold(createIndex(services)),
        done: reins.hold(createDone(services)),
        erase: reins.hold(createErase(services)),
      },
    })
    return reins.take({ delivered: queue.deliver(job.stage, keyOf(job)), loop, quiet })
  }

  return {
    lines,
    send: async (content, onDuplicate) => {
      const documentId = newId()
      const key = { tenant_id: tenantId, document_id: documentId }
      const place = { tenantId, documentId }
      const { documents: tenantKey } = await tenants.keys(tenantId)
      await bench.tenant((tx) =>
        registerArtifact(tx, { ...key, kind: 'original', store: blobs.name, locator: vault.locator(tenantId, documentId) }),
      )
      const { keys, bytes, sha256 } = await vault.write({ ...place, tenantKey, source: Readable.from([Buffer.from('Hello.')]) })
      const dedupeHmac = dedupe.get(content) ?? randomBytes(32)
      dedupe.set(content, dedupeHmac)
      const accepted = await bench.tenant((tx) =>
        acceptDocument(tx, {
          id: documentId,
          tenant_id: tenantId,
          media_type: 'text/plain',
          bytes,
          options: UploadOptions.parse({ on_duplicate: onDuplicate }),
          dedupeHmac,
          contentCommit: hmac(keys.commitment, sha256),
          sealedAnnex: sealAnnex(keys, documentId, { file_name: null, metadata: {}, uploaded_by: null }).sealed,
        }),
      )
      if (accepted.document_id === documentId) ids.push(documentId)
      else {
        await vault.destroy(place)
        await bench.tenant((tx) => forgetArtifact(tx, documentId))
      }
      return ids.indexOf(accepted.document_id)
    },
    reprocess: (document) =>
      bench.tenant(async (tx) => void (await addRevision(tx, tenantId, keyOf({ document, revision: 0 }).document_id, 'reprocess'))),
    bury: (document) => bench.tenant((tx) => buryDocument(tx, tenantId, keyOf({ document, revision: 0 }).document_id)),
    redrive: async (document) => {
      const { document_id } = keyOf({ document, revision: 0 })
      await bench.tenant((tx) => redriveDocument(tx, document_id))
      countRedrive(document_id)
    },
    changeRules: (rules) => {
      refusedUnder = rules
    },
    redriveRefused: async (processes) => {
      const passes = await Promise.all(Array.from({ length: processes }, () => redriveOnce(database, refusedUnder)))
      for (const id of passes.flat()) countRedrive(id)
      return passes.flat().map((id) => ids.indexOf(id))
    },
    deliver,
    publish: async (crash = false) => {
      const published: DueJob[] = []
      const publisher = {
        publish: async (jobs: readonly DueJob[]) => {
          published.push(...jobs)
          if (crash) throw new Crash()
        },
        waiting: async () => 0,
        close: async () => undefined,
      }
      try {
        while ((await dispatchOnce(database, publisher as Parameters<typeof dispatchOnce>[1])) > 0);
      } catch (error) {
        if (!(error instanceof Crash)) throw error
      }
      return published.map(({ document_id, revision, stage }) => ({ document: ids.indexOf(document_id), revision, stage }))
    },
    sweep: () => sweepOnce(database, vault, blobs, HOUR_MS),
    age: async () => {
      await bench.query(setStages("queued_at = least(queued_at, now() - interval '1 minute')"), [ids])
      await bench.query('UPDATE greffier.outbox SET due_at = least(due_at, now())')
    },
    settle: async () => {
      await bench.query(setStages("started_at = started_at - interval '1 hour'"), [ids])
    },
    observe: async () => {
      const rows = await bench.query<Omit<View, 'points' | 'redrives'> & { id: string }>(OBSERVE, [ids])
      return ids.map((id) => {
        const { id: _id, ...row } = rows.find((candidate) => candidate.id === id) ?? missing(id)
        for (const list of [row.outbox, row.events, row.content]) list.sort()
        return { ...row, points: search.revisions(id), redrives: redrives.get(id) ?? 0 }
      })
    },
    leavings: async (document) => {
      const { document_id } = keyOf({ document, revision: 0 })
      const artifacts = await bench.query('SELECT FROM greffier.artifacts WHERE document_id = $1 AND erased_at IS NULL', [document_id])
      return { original: await vault.exists({ tenantId, documentId: document_id }), artifacts: artifacts.length }
    },
  }
}

class Crash extends Error {
  override readonly name = 'Crash'
}

function missing(id: string): never {
  throw new Error(`no document ${id}`)
}

const METRICS = createMetrics()
const PAGE = { number: 1, method: 'plain', text: 'Hello.', reason: null } as const
const EMPTY_PAGE = { number: 1, method: 'no_text', text: '', reason: 'empty' } as const
const EMBEDDER = { embed: async () => null, embedQuestion: async () => null }
const GATEWAY: ModelGateway = {
  order: mapTasks(() => []),
  call: async (context, run) => {
    const provider = fakeProvider('inside')
    return { ...(await run(provider, context.signal)), provider }
  },
}

/** Behind the documents' locks, as everything that writes a stage: a late start may be at work. */
function setStages(change: string): string {
  return `WITH locked AS (SELECT id FROM greffier.documents WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE)
    UPDATE greffier.stages SET ${change} FROM locked WHERE document_id = locked.id`
}

/** Of every document what View says of it, but for its points. */
const OBSERVE = `
  SELECT d.id, d.status, d.error_code AS error, d.revision, d.live_revision, d.erased_at IS NOT NULL AS erased,
    d.sealed_annex IS NOT NULL OR d.dedupe_hmac IS NOT NULL OR d.content_commit IS NOT NULL AS named,
    d.type IS NOT NULL OR d.language IS NOT NULL AS typed,
    (SELECT jsonb_object_agg(revision || '/' || stage,
       jsonb_build_object('status', status, 'epoch', epoch, 'starts', starts, 'error', error_code, 'under', refused_under, 'open', open_epochs))
     FROM greffier.stages WHERE document_id = d.id) AS stages,
    ARRAY(SELECT revision || '/' || stage FROM greffier.outbox WHERE document_id = d.id) AS outbox,
    ARRAY(SELECT (e->>'revision') || '/' || (e->>'step') || ' ' || (e->>'phase') || ' ' || (e->>'result')
     FROM greffier.events, LATERAL (SELECT body::jsonb AS e) parsed WHERE document_ids @> ARRAY[d.id]) AS events,
    ARRAY(SELECT revision || ' pages' FROM greffier.pages WHERE document_id = d.id
     UNION SELECT revision || ' fields' FROM greffier.fields WHERE document_id = d.id
     UNION SELECT revision || ' chunks' FROM greffier.chunks WHERE document_id = d.id) AS content
  FROM greffier.documents d WHERE d.id = ANY($1)`

interface MemorySearch extends SearchStore {
  /** The revisions of a document that have points. */
  revisions(documentId: string): number[]
}

function searchInMemory(): MemorySearch {
  const points = new Map<string, Point>()
  const of = (documentId: string) => [...points.values()].filter((point) => point.document_id === documentId)
  const ofRevision = (scope: { document_id: string; revision: number }) =>
    of(scope.document_id).filter(({ revision }) => revision === scope.revision)
  return {
    name: 'memory',
    replace: async (scope, written) => {
      for (const { id } of ofRevision(scope)) points.delete(id)
      for (const point of written) points.set(point.id, point)
    },
    count: async (scope) => ofRevision(scope).length,
    query: async () => [],
    remove: async ({ document_id, beforeRevision = Number.POSITIVE_INFINITY }) => {
      for (const { id, revision } of of(document_id)) if (revision < beforeRevision) points.delete(id)
    },
    countDocument: async ({ document_id }) => of(document_id).length,
    rebuild: null,
    ping: async () => undefined,
    close: async () => undefined,
    revisions: (documentId) => [...new Set(of(documentId).map(({ revision }) => revision))].sort((a, b) => a - b),
  }
}
