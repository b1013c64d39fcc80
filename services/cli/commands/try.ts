import type { Answer } from '../../../shared/contracts/retrieval.ts'
import { toCliError } from '../cli-error.ts'
import type { Client } from '../client.ts'
import type { CommandContext } from '../context.ts'
import { type StartStandalone, withEmbedded } from '../embedded.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { printAnswer, printNotice } from '../print/answer.ts'
import { type QuestionResult, questionResult } from '../questions.ts'
import { exitCodeOfSubmissions, secondsSince, submitFiles } from '../submit.ts'
import { printSubmissions } from './ingest.ts'

/** `answer` is null where a question got no answer at all, for a technical reason. */
interface Asked {
  result: QuestionResult
  answer: Answer | null
}

/** `greffier try FILE… [--ask "…"]…`: one's own files through a throw-away embedded system. */
export async function tryFiles(
  context: CommandContext,
  files: readonly string[],
  questions: readonly string[],
  start: StartStandalone,
): Promise<ExitCode> {
  const { output } = context
  const startedAtMs = performance.now()
  output.line(output.paint('dim', 'starting a throw-away system …'))
  const { submissions, asked } = await withEmbedded(context, start, async (client) => {
    const submitted = files.map((path) => ({ path, choices: {} }))
    const submissions = await submitFiles(client, submitted, { wait: true, stderr: context.stderr })
    printSubmissions(context, submissions, startedAtMs)
    output.line()
    const names = new Map(submissions.map(({ result }) => [result.document_id, result.file]))
    return { submissions, asked: await askAll(context, client, questions, names) }
  })
  output.value({
    documents: submissions.map(({ result }) => result),
    questions: asked.map(({ result }) => result),
    seconds: secondsSince(startedAtMs),
  })
  return asked.some(({ answer }) => answer === null) ? EXIT.unexpected : exitCodeOfSubmissions(submissions)
}

async function askAll(
  context: CommandContext,
  client: Client,
  questions: readonly string[],
  names: ReadonlyMap<string | null, string>,
): Promise<Asked[]> {
  const asked: Asked[] = []
  for (const question of questions) {
    const answer = await askOne(context, client, question)
    if (answer) printAnswer(context.output, answer, (id) => names.get(id) ?? id)
    asked.push({ result: answer ? questionResult(answer) : { question, answer: null, citations: [], ai: null }, answer })
  }
  printNotice(
    context.output,
    asked.flatMap(({ answer }) => answer ?? []),
  )
  return asked
}

async function askOne(context: CommandContext, client: Client, question: string): Promise<Answer | null> {
  try {
    return await client.answer(question, [])
  } catch (error) {
    context.interrupted.throwIfAborted()
    const { code, message } = toCliError(error)
    context.output.note(`a question was not answered: ${message} (${code})`)
    return null
  }
}
