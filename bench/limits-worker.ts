// A worker process that always has more calls to make than slots. Arguments: PROVIDER_URL, then postgres SERVICE_URL | redis URL
import { AppError } from '../shared/contracts/errors.ts'
import { openDatabase } from '../shared/database/connection.ts'
import { refusalError } from '../shared/inference/wire-error.ts'
import { attempt } from '../shared/limits/attempts.ts'
import { createGate } from '../shared/limits/gate.ts'
import { createPostgresLimits } from '../shared/limits/postgres.ts'
import { createRedisLimits } from '../shared/limits/redis.ts'
import { openRedisConnection } from '../shared/queue/redis-connection.ts'
import { createLog } from '../shared/runtime/log.ts'

const CALLERS = 200
const DEADLINE_MS = 60_000

const [provider = '', engine, url = ''] = process.argv.slice(2)
const report = (error: unknown) => void process.stderr.write(`${error}\n`)
const limits = engine === 'redis' ? createRedisLimits(openRedisConnection(url, report)) : createPostgresLimits(openDatabase(url, report))
const gate = createGate({ limits, log: createLog('warn', 'bench') })
const options = { gate, endpoint: provider, signal: new AbortController().signal, deadlineMs: DEADLINE_MS, triesMax: 1 }
for (let caller = 0; caller < CALLERS; caller++) void callForEver()
// When the bench dies, this does.
process.on('disconnect', () => process.exit(1))

async function callForEver(): Promise<never> {
  for (;;) {
    try {
      await attempt(options, call)
    } catch (error) {
      // A stage would be put back, and another would come.
      if (!(error instanceof AppError && error.code === 'MODEL_BUSY')) throw error
    }
  }
}

async function call(signal: AbortSignal): Promise<void> {
  const response = await fetch(provider, { method: 'POST', body: '{}', signal })
  await response.text()
  if (!response.ok) throw refusalError({ status: response.status, headers: response.headers, words: '' }, '')
}
