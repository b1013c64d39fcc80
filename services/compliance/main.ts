import { readConfig } from '../../shared/runtime/config.ts'
import { createFirstKey } from '../../shared/runtime/first-key.ts'
import { runService } from '../../shared/runtime/service.ts'
import { addCompliance } from './app.ts'
import { startCompliance } from './run.ts'

await runService(readConfig, 'compliance', [], async (server, platform, config) => {
  addCompliance(server, platform)
  const first = await createFirstKey(platform.database, platform.tenants)
  // The one secret that is ever printed, once, on a new installation: without it nobody could make the others.
  if (first !== null) process.stdout.write(`the first API key, shown this once: ${first}\n`)
  return startCompliance(platform, config).close
})
