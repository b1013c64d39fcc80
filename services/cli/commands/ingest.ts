import type { UploadChoices } from '../client.ts'
import { type CommandContext, connect } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { printNotice } from '../print/answer.ts'
import { printDocument } from '../print/document.ts'
import { countText, secondsText } from '../print/text.ts'
import { exitCodeOfSubmissions, type Submission, secondsSince, submitFiles } from '../submit.ts'

export interface IngestOptions {
  wait: boolean
  choices: UploadChoices
}

/** `greffier ingest FILE…`: uploads to the running server; with `wait`, until each document is done. */
export async function ingest(context: CommandContext, files: readonly string[], options: IngestOptions): Promise<ExitCode> {
  const startedAtMs = performance.now()
  const client = await connect(context)
  const submitted = files.map((path) => ({ path, choices: options.choices }))
  const submissions = await submitFiles(client, submitted, { wait: options.wait, stderr: context.stderr })
  context.output.value(submissions.map(({ result }) => result))
  printSubmissions(context, submissions, startedAtMs)
  return exitCodeOfSubmissions(submissions)
}

/** Every document as a block, and a last line that counts. */
export function printSubmissions({ output }: CommandContext, submissions: readonly Submission[], startedAtMs: number): void {
  for (const { result, failure } of submissions) printDocument(output, { ...result, title: result.file, reason: failure?.message })
  printNotice(
    output,
    submissions.flatMap(({ result: { ai } }) => (ai ? [{ ai }] : [])),
  )
  const failed = submissions.filter(({ failure }) => failure !== null).length
  const outcome = failed === 0 ? '' : `, ${output.paint('red', `${failed} failed`)}`
  output.line(`${countText(submissions.length, 'document')} in ${secondsText(secondsSince(startedAtMs))}${outcome}`)
}
