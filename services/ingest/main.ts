import { readConfig } from '../../shared/runtime/config.ts'
import { runService } from '../../shared/runtime/service.ts'
import { addIngest } from './app.ts'

await runService(readConfig, 'ingest', [], async (server, platform, config) => {
  await addIngest(server, { ...platform, uploadBytesMax: config.UPLOAD_BYTES_MAX })
  return undefined
})
