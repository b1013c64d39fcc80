import { readConfig } from '../../shared/runtime/config.ts'
import { runService } from '../../shared/runtime/service.ts'
import { addRetrieval } from './app.ts'

await runService(readConfig, 'retrieval', ['search'], async (server, platform) => {
  addRetrieval(server, platform)
  return undefined
})
