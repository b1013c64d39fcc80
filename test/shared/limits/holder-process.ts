// A process that shares limits, to be killed or to fail.
// Arguments: ENDPOINT hold|fail, then postgres SERVICE_URL | redis URL
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../../shared/contracts/errors.ts'
import { openDatabase } from '../../../shared/database/connection.ts'
import { createGate } from '../../../shared/limits/gate.ts'
import { createPostgresLimits } from '../../../shared/limits/postgres.ts'
import { createRedisLimits } from '../../../shared/limits/redis.ts'
import { openRedisConnection } from '../../../shared/queue/redis-connection.ts'
import { createLog } from '../../../shared/runtime/log.ts'

const [endpoint = '', role, engine, url = ''] = process.argv.slice(2)
const say = (line: string) => void process.stdout.write(`${line}\n`)
const report = (error: unknown) => void process.stderr.write(`${error}\n`)
const limits = engine === 'redis' ? createRedisLimits(openRedisConnection(url, report)) : createPostgresLimits(openDatabase(url, report))
const gate = createGate({ limits, log: createLog('warn', 'holder') })
const { signal } = new AbortController()

if (role === 'hold') {
  // Slots that nobody leaves.
  for (let held = 1; ; held++) {
    await gate.enter(endpoint, signal)
    say(`holds ${held}`)
  }
}
const released = new Promise((resolve) => process.once('SIGUSR2', resolve))
while (await isLetIn('failed')) await sleep(10)
say('refused until later')
await released
while (!(await isLetIn('answered'))) {
  say('refused again')
  await sleep(200)
}
say('let in')
await gate.close()
process.exit(0)

async function isLetIn(ending: 'answered' | 'failed'): Promise<boolean> {
  try {
    const pass = await gate.enter(endpoint, signal)
    pass.leave(ending === 'failed' ? { kind: 'failed' } : { kind: 'answered', latencyMs: 1 })
    return true
  } catch (error) {
    if (error instanceof AppError && error.code === 'MODEL_BUSY') return false
    throw error
  }
}
