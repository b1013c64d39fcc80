// A worker in a process of its own, to be killed: begins every job of `index`, says so, and never ends one.
// Arguments: postgres OWNER_URL SERVICE_URL | redis URL
import { openPostgresQueues, openRedisQueues } from '../../../shared/queue/backend.ts'

const [engine, first = '', second = ''] = process.argv.slice(2)
const report = (error: unknown) => void process.stderr.write(`${error}\n`)
const backend = engine === 'redis' ? openRedisQueues(first, report) : await openPostgresQueues(first, second, report)
backend.openWorker('index', (payload) => {
  const { document_id } = payload as { document_id: string }
  process.stdout.write(`began ${document_id}\n`)
  return new Promise<void>(() => undefined)
})
