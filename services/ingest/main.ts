import { readConfig } from '../../shared/runtime/config.ts'
import { runService } from '../../shared/runtime/service.ts'
import { addIngest } from './app.ts'

const config = readConfig()
await runService(config, 'ingest', async (server, platform) => {
  await addIngest(server, { ...platform, uploadBytesMax: config.UPLOAD_BYTES_MAX })
  return undefined
})
