import type { RebuildOutcome, runSearchRebuild } from '../../../shared/runtime/search-rebuild.ts'
import type { RebuildStep } from '../../../shared/search/port.ts'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { countText } from '../print/text.ts'

export type RebuildSearch = (watch: Parameters<typeof runSearchRebuild>[1]) => Promise<RebuildOutcome>

/** Of a long copy a line each time that so much more of it is done. */
const PROGRESS_PERCENT = 10

/** `greffier rebuild-search`: makes the bytes of erased documents go away in a search store that deletes softly. */
export async function rebuildSearch({ output, interrupted }: CommandContext, rebuild: RebuildSearch): Promise<ExitCode> {
  const outcome = await rebuild({ onStep: sayingSteps((text) => output.note(text)), signal: interrupted })
  const { store } = outcome
  switch (outcome.state) {
    case 'busy':
      throw new CliError('REBUILD_RUNNING', `another rebuild of ${store} is under way`, EXIT.tryLater)
    case 'blocked':
      throw new CliError(
        'SNAPSHOTS_KEPT',
        `${store} keeps ${countText(outcome.snapshots, 'snapshot')} of it, with what was erased since: remove them, or say in BACKUP_RETENTION_DAYS how long you keep them`,
        EXIT.rejected,
      )
    case 'not_needed':
      output.line(`without QDRANT_URL the search store is ${store}, which overwrites what it removes: no rebuild is needed`)
      break
    case 'rebuilt':
      output.line(
        `${store} was built anew with ${countText(outcome.points, 'point')}: ${countText(outcome.documents, 'erased document')} left no bytes in it, ${countText(outcome.certificates, 'certificate')} will be issued again`,
      )
  }
  output.value(outcome)
  return EXIT.ok
}

function sayingSteps(say: (text: string) => void): (step: RebuildStep) => void {
  let said = 0
  return (step) => {
    if (step.step !== 'copied') return say(SENTENCES[step.step])
    const percent = step.of === 0 ? 100 : Math.floor((step.points / step.of) * 100)
    if (percent < said) said = 0
    if (percent < said + PROGRESS_PERCENT) return
    said = percent
    say(`${step.points} of ${step.of} points compared and copied`)
  }
}

const SENTENCES = {
  taking_up: 'an earlier rebuild was stopped on its way; it is brought to its end first',
  switched: 'searches and writers use the new collection',
  settling: 'waiting for requests that were under way',
  dropped: 'the old collection is dropped',
} as const satisfies Record<Exclude<RebuildStep['step'], 'copied'>, string>
