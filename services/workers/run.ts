import { startDispatcher } from '../../shared/queue/dispatcher.ts'
import { openPublisher } from '../../shared/queue/publish.ts'
import { startRedrive } from '../../shared/queue/redrive.ts'
import { startSweeper } from '../../shared/queue/sweeper.ts'
import type { Platform } from '../../shared/runtime/platform.ts'
import { createDone } from './done/stage.ts'
import { createOwnSchemas } from './enrich/own-schemas.ts'
import { createEnrich } from './enrich/stage.ts'
import { createErase } from './erase/stage.ts'
import { createExtractor, EXTRACT_LIMITS } from './extract/extractor.ts'
import { createExtract } from './extract/stage.ts'
import { createIndex } from './index/stage.ts'
import { startWorkerLoop } from './loop.ts'
import type { StageHandlers } from './stage.ts'
import { createTextRoom } from './text-room.ts'

const DRAIN_MS = 10_000
/** Of the documents that wait for their model at once: 200 MB of memory, as two bytes a character and the prompts made of them. */
const TEXT_CHARACTERS_MAX = 50_000_000

export interface Workers {
  /** Active work finishes within the drain time or is handed back. */
  close(): Promise<void>
}

/** The whole worker: the loop over all stages, the dispatcher that feeds the queue, the sweeper that repairs it, and the redrive of what other rules refused. */
export function startWorkers(platform: Platform): Workers {
  const { log } = platform
  const extractor = createExtractor({ ...EXTRACT_LIMITS, onNotice: (notice) => log.warn({}, notice) })
  const services = { ...platform, extractor, room: createTextRoom(TEXT_CHARACTERS_MAX), ownSchemas: createOwnSchemas() }
  const handlers: StageHandlers = {
    extract: createExtract(services),
    enrich: createEnrich(services),
    index: createIndex(services),
    done: createDone(services),
    erase: createErase(services),
  }
  const publisher = openPublisher(platform.backend)
  const dispatcher = startDispatcher({ ...platform, publisher })
  const loop = startWorkerLoop({ ...platform, handlers, onDue: dispatcher.wake })
  const sweeper = startSweeper(platform)
  const redrive = startRedrive(platform)
  return {
    close: async () => {
      await Promise.all([dispatcher.close(), sweeper.close(), redrive.close()])
      await loop.close(DRAIN_MS)
      await publisher.close()
      await extractor.close()
    },
  }
}
