import type { Answer } from '../../../shared/contracts/retrieval.ts'
import { CliError } from '../cli-error.ts'
import type { Client } from '../client.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { printAnswer, printNotice } from '../print/answer.ts'

/** `greffier ask "…"`: an answer with its citations, or the statement that the documents hold none. Both are exit code 0. */
export async function ask(context: CommandContext, question: string, documentIds: readonly string[]): Promise<ExitCode> {
  const client = await connect(context)
  const answer = await client.answer(question, documentIds)
  context.output.value(answer)
  if (!context.output.json) {
    const names = await fileNames(client, answer)
    printAnswer(context.output, answer, (id) => names.get(id) ?? id)
    printNotice(context.output, [answer])
  }
  return EXIT.ok
}

/** A document that was erased since it was cited, or that this key may not read, keeps its id for a name. */
async function fileNames(client: Client, answer: Answer): Promise<Map<string, string>> {
  const names = new Map<string, string>()
  for (const id of new Set(answer.citations.map(({ document_id }) => document_id))) {
    try {
      names.set(id, (await client.document(id)).file_name ?? id)
    } catch (error) {
      const nameless = error instanceof CliError && (error.exitCode === EXIT.missing || error.exitCode === EXIT.notAllowed)
      if (!nameless) throw error
      names.set(id, id)
    }
  }
  return names
}
