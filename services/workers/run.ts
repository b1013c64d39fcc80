import { JOBS } from '../../shared/contracts/jobs.ts'
import { startDispatcher } from '../../shared/queue/dispatcher.ts'
import { openPublisher } from '../../shared/queue/publish.ts'
import { startSweeper } from '../../shared/queue/sweeper.ts'
import type { Platform } from '../../shared/runtime/platform.ts'
import { createDone } from './done/stage.ts'
import { createEnrich } from './enrich/stage.ts'
import { createErase } from './erase/stage.ts'
import { createExtractor } from './extract/extractor.ts'
import { createExtract } from './extract/stage.ts'
import { createIndex } from './index/stage.ts'
import { startWorkerLoop } from './loop.ts'
import type { StageHandlers } from './stage.ts'

/** What a child may use beside what its runtime reserves: a small hostile file asks for gigabytes, an honest large one stays below this. */
const EXTRACT_MEMORY_BYTES_MAX = 700_000_000
const TEXT_CHARACTERS_MAX = 20_000_000
const PAGES_MAX = 10_000
/** Well before the stage's own timeout, so that the child's reason is the one on record. */
const EXTRACT_WALL_CLOCK_MS = JOBS.extract.timeoutMs / 2
const DRAIN_MS = 10_000

export interface Workers {
  /** Active work finishes within the drain time or is handed back. */
  close(): Promise<void>
}

/** The whole worker: the loop over all stages, the dispatcher that feeds the queue, the sweeper that repairs it. */
export function startWorkers(platform: Platform): Workers {
  const { log } = platform
  const extractor = createExtractor({
    memoryBytesMax: EXTRACT_MEMORY_BYTES_MAX,
    wallClockMs: EXTRACT_WALL_CLOCK_MS,
    textCharactersMax: TEXT_CHARACTERS_MAX,
    pagesMax: PAGES_MAX,
    warm: JOBS.extract.concurrency,
    onNotice: (notice) => log.warn({}, notice),
  })
  const services = { ...platform, extractor }
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
  return {
    close: async () => {
      await Promise.all([dispatcher.close(), sweeper.close()])
      await loop.close(DRAIN_MS)
      await publisher.close()
      await extractor.close()
    },
  }
}
