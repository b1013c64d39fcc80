import { FINAL_STATUSES, type UploadAccepted } from '../../shared/contracts/document.ts'
import type { ServiceProcess, ServiceProcesses } from '../support/service-processes.ts'
import { waitUntil } from '../support/wait.ts'
import { documentOf } from './outcomes.ts'
import { overPostgres, overRedis, type QueueEngine } from './queues.ts'
import { send, upload } from './requests.ts'
import { invoice } from './texts.ts'

/** Ingest as a process, and as many workers as a test starts, over one database and one queue. All of it ends with the test. */
export interface Pipeline extends ServiceProcesses {
  readonly backend: QueueEngine['name']
  /** A workers process that listens; `faultAt` is its FAULT_AT. */
  worker(faultAt?: string): Promise<ServiceProcess>
  /** A text of its own, of several chunks and with fields. */
  upload(): Promise<string>
  /** Resolves with the number of the new revision. */
  reprocess(documentId: string): Promise<number>
  erase(documentId: string): Promise<void>
  /** Nothing of the document is due, queued or at work: whoever had its last job is done with that as well. */
  atRest(documentId: string): Promise<boolean>
  /** Resolves when the document has come to its end, well or not, and is at rest. */
  settled(documentId: string): Promise<void>
}

export async function startPipeline(backend: Pipeline['backend']): Promise<Pipeline> {
  const { engine, services } = await (backend === 'redis' ? overRedis() : overPostgres())
  const ingest = await services.start('ingest')
  const request = async <Answer>(method: string, path: string): Promise<Answer> => {
    const response = await send(services, ingest, method, `/v1/documents/${path}`)
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return (await response.json()) as Answer
  }
  const atRest = async (documentId: string) => {
    const due = await services.rows(
      `SELECT FROM outbox WHERE document_id = $1
       UNION ALL SELECT FROM stages s JOIN documents d ON d.id = s.document_id
         WHERE d.id = $1 AND s.revision = d.revision AND s.status IN ('pending', 'running') AND (d.erased_at IS NULL OR s.stage = 'erase')`,
      [documentId],
    )
    return due.length === 0 && !(await engine.holds(documentId))
  }
  return {
    ...services,
    backend,
    worker: (faultAt) => services.start('workers', [], faultAt === undefined ? {} : { FAULT_AT: faultAt }),
    upload: () => upload(services, ingest, invoice()),
    reprocess: async (documentId) => (await request<UploadAccepted>('POST', `${documentId}/reprocess`)).revision,
    erase: async (documentId) => void (await request('DELETE', documentId)),
    atRest,
    settled: (documentId) =>
      waitUntil(
        async () => FINAL_STATUSES.includes((await documentOf(services, documentId)).status as never) && (await atRest(documentId)),
        `${documentId} to settle over ${backend}`,
      ),
  }
}
