import type { DocumentView } from '../../../shared/contracts/document.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { printNotice } from '../print/answer.ts'
import { printDocument } from '../print/document.ts'
import { alignRows } from '../print/table.ts'
import { bytesText, clean, secondsText } from '../print/text.ts'

/** `greffier show ID`: status, stages, pages and fields of one document. */
export async function show(context: CommandContext, id: string): Promise<ExitCode> {
  const { output } = context
  const document = await (await connect(context)).document(id)
  output.value(document)
  printDocument(output, { ...document, title: document.file_name ?? '(no file name)' })
  printRefusal(context, document)
  const facts = [
    ['size', `${bytesText(document.bytes)} ${document.media_type}, revision ${document.revision}`],
    ['purpose', `${clean(document.purpose)}, ${document.sensitivity}, ${document.data_classes.join(' and ')} data`],
    ['received', document.created_at],
    ...document.stages.map((stage) => [stage.stage, stageText(stage)]),
    ...Object.entries(document.metadata).map(([name, value]) => [clean(name), clean(value)]),
  ]
  for (const line of alignRows(facts)) output.line(`  ${line}`)
  output.line()
  printNotice(output, [document])
  return EXIT.ok
}

function printRefusal({ output }: CommandContext, { document_id, refusal }: DocumentView): void {
  if (!refusal) return
  for (const sentence of refusal.sentences) output.line(`  ${output.paint('red', clean(sentence))}`)
  output.line(
    `  It goes on by itself when policy, register or providers have changed; to try again now: greffier redrive ${clean(document_id)}`,
  )
  output.line()
}

function stageText(stage: { status: string; started_at: string | null; finished_at: string | null; error_code: string | null }): string {
  const took =
    stage.started_at && stage.finished_at ? secondsText((Date.parse(stage.finished_at) - Date.parse(stage.started_at)) / 1_000) : null
  return [stage.status, took, stage.error_code].filter(Boolean).join(' · ')
}
