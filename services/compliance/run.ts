import type { Config } from '../../shared/runtime/config.ts'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import { type Passes, startPasses } from '../../shared/runtime/passes.ts'
import type { Platform } from '../../shared/runtime/platform.ts'
import { startCheckpointPush } from './ledger/checkpoint-push.ts'
import { openCheckpointTargets } from './ledger/checkpoint-targets.ts'
import { createSequencer, type SequencerServices } from './ledger/sequencer.ts'
import { createSweep } from './retention/sweep.ts'
import { createCertificates } from './rights/certificates.ts'

/** An event is in the log, and under a checkpoint, about this long after its commit. */
const IDLE_MS = 500
/** How long an erasure that is done waits for its certificate. */
const CERTIFICATES_MS = 2_000
const MS_PER_SECOND = 1_000

/** What runs beside the routes, in any number of processes: the logs, certificates of erasure, and the erasure of what was kept long enough. */
export function startCompliance(platform: Platform, config: Config): Passes {
  return together([startRights(platform), startLedger(platform, config)])
}

/** Events go into the logs, and checkpoints of these to the places outside that keep them. */
export function startLedger(services: SequencerServices & { metrics: Metrics }, config: Config): Passes {
  const { targets, close } = openCheckpointTargets(config)
  const sequencer = startPasses({
    work: createSequencer(services),
    everyMs: IDLE_MS,
    log: services.log,
    failure: 'events could not be taken into the log; the next pass repeats it',
  })
  const push = startCheckpointPush({ ...services, targets, everyMs: config.CHECKPOINT_EVERY_SECONDS * MS_PER_SECOND })
  return {
    close: async () => {
      await push.close()
      await close()
      await sequencer.close()
    },
  }
}

/** What nobody has to ask for. */
function startRights(platform: Platform): Passes {
  const { log, retentionTimes } = platform
  const certificates = startPasses({
    work: createCertificates(platform),
    everyMs: CERTIFICATES_MS,
    log,
    failure: 'certificates of erasure could not be looked for; the next pass repeats it',
  })
  const retention = startPasses({
    work: createSweep(platform),
    everyMs: retentionTimes.everyMs,
    log,
    failure: 'it could not be looked for what is due to be erased; the next pass repeats it',
  })
  return together([certificates, retention])
}

function together(passes: readonly Passes[]): Passes {
  return { close: async () => void (await Promise.all(passes.map((one) => one.close()))) }
}
