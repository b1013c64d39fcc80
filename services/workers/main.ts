import { readConfig } from '../../shared/runtime/config.ts'
import { runService } from '../../shared/runtime/service.ts'
import { startWorkers } from './run.ts'

await runService(readConfig(), 'workers', async (_server, platform) => {
  const workers = startWorkers(platform)
  return () => workers.close()
})
