// The product's dispatcher in a process of its own, without workers. Nobody takes its jobs, so it is not held back by queues that fill: every
// accepted document ends as one job that stays and can be counted.

import { startDispatcher } from '../shared/queue/dispatcher.ts'
import { openPublisher } from '../shared/queue/publish.ts'
import { readConfig } from '../shared/runtime/config.ts'
import { runService } from '../shared/runtime/service.ts'

await runService(readConfig, 'dispatcher', ['queue'], async (_server, platform) => {
  const publisher = openPublisher(platform.backend)
  const dispatcher = startDispatcher({ ...platform, publisher: { ...publisher, waiting: async () => 0 } })
  process.on('message', () => void publisher.waiting('extract').then((jobs) => process.send?.({ jobs })))
  process.channel?.unref()
  return async () => {
    await dispatcher.close()
    await publisher.close()
  }
})
