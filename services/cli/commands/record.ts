import { type AnnexCheck, checkAnnex } from '../../../shared/ledger/annex-commitment.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { printAnnex } from '../print/annex.ts'
import { printRecord } from '../print/record.ts'
import { countText } from '../print/text.ts'
import { type AnnexChoices, justificationOf } from './records.ts'

/** `greffier record ID`: what was done with the document; still there after its erasure. With its annex, whether that is the one that was committed to. */
export async function record(context: CommandContext, id: string, choices: AnnexChoices): Promise<ExitCode> {
  const justification = justificationOf(choices)
  const found = await (await connect(context)).record(id, justification)
  const check: AnnexCheck | null = found.annex ? checkAnnex(id, found.annex, found.events) : null
  context.output.value(justification === undefined ? found : { ...found, annex_check: check })
  context.output.line(`${context.output.paint('bold', found.document_id)}  ${countText(found.events.length, 'event')}`)
  printRecord(context.output, found)
  if (justification !== undefined) printAnnex(context.output, found.annex ?? null, check)
  return check?.state === 'differs' ? EXIT.tampered : EXIT.ok
}
