import { readConfig } from '../../shared/runtime/config.ts'
import { runService } from '../../shared/runtime/service.ts'
import { startWorkers } from './run.ts'

const EXIT_GRACE_MS = 2_000

await runService(readConfig, 'workers', ['queue', 'search'], async (_server, platform) => {
  const workers = startWorkers(platform)
  return () => workers.close()
})
// A BullMQ worker whose Redis is gone keeps its timers for ever.
setTimeout(() => process.exit(), EXIT_GRACE_MS).unref()
