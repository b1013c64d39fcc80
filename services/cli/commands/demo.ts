import type { readSamples } from '../../../samples/read.ts'
import type { DocumentRecord } from '../../../shared/contracts/record.ts'
import type { Answer } from '../../../shared/contracts/retrieval.ts'
import { CliError } from '../cli-error.ts'
import type { Client } from '../client.ts'
import type { CommandContext } from '../context.ts'
import { type StartStandalone, withEmbedded } from '../embedded.ts'
import { emptiedStores, eraseAndWait, isErased } from '../erasure.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { answerFault, documentFault } from '../expectations.ts'
import { printAnswer, printNotice } from '../print/answer.ts'
import { printDocument } from '../print/document.ts'
import { printRecord } from '../print/record.ts'
import { clean, countText, quoted, secondsText } from '../print/text.ts'
import { questionResult } from '../questions.ts'
import { type Submission, secondsSince, submitFiles } from '../submit.ts'

const HITS_MAX = 50
const QUERY_CHARACTERS_MAX = 500

type Samples = Awaited<ReturnType<typeof readSamples>>

interface Demo {
  submissions: Submission[]
  answers: Answer[]
  record: DocumentRecord
  erased: { document_id: string; found_after: number }
}

interface Show {
  context: CommandContext
  samples: Samples
  /** What was not as expected, in words. */
  faults: string[]
}

/** The whole way of a document, shown on the samples. Exit code 1, and a line on stderr for each fault, when anything is not as expected. */
export async function demo(context: CommandContext, samples: Samples, start: StartStandalone): Promise<ExitCode> {
  const { output } = context
  const startedAtMs = performance.now()
  const show: Show = { context, samples, faults: [] }
  output.line(`${output.paint('bold', 'Greffier')}  starting a throw-away system: queue, database, search and models are embedded …\n`)
  let shown: Demo
  try {
    shown = await withEmbedded(context, start, (client) => showAll(show, client))
  } finally {
    for (const fault of show.faults) output.note(`not as expected: ${clean(fault)}`)
  }
  return conclude(show, shown, secondsSince(startedAtMs))
}

async function showAll(show: Show, client: Client): Promise<Demo> {
  heading(show, `${show.samples.documents.length} documents go in`)
  const submissions = await showDocuments(show, client)
  const files = new Map(submissions.map(({ result }, index) => [result.document_id, show.samples.documents[index]?.file ?? result.file]))
  const fileOf = (id: string) => files.get(id) ?? id
  heading(show, 'Questions, answered with quotes that the server checked in the cited page')
  const answers = await showAnswers(show, client, fileOf)
  const subject = subjectOf(answers)
  heading(show, `The record of ${fileOf(subject.id)}: every operation on it, without naming anybody`)
  const record = await showRecord(show, client, subject.id)
  heading(show, `Erasing ${fileOf(subject.id)}`)
  const erased = await showErasure(show, client, subject)
  return { submissions, answers, record, erased }
}

function heading({ context: { output } }: Show, text: string): void {
  output.line(`${output.paint('cyan', '──')} ${output.paint('bold', text)}\n`)
}

function conclude({ context: { output }, faults }: Show, shown: Demo, seconds: number): ExitCode {
  const documents = shown.submissions.length
  const failed = shown.submissions.filter(({ failure }) => failure !== null).length
  const asExpected = faults.length === 0
  const verdict = asExpected ? output.paint('green', 'everything as expected') : output.paint('red', countText(faults.length, 'fault'))
  output.line(`${countText(documents, 'document')} in ${secondsText(seconds)}: ${verdict}. Everything is stopped and removed.`)
  output.line(`Your own files: ${output.paint('bold', 'npm run -s greffier -- try FILE… --ask "…"')}`)
  output.value({
    documents,
    completed: documents - failed,
    failed,
    questions: shown.answers.map(questionResult),
    record: { document_id: shown.record.document_id, events: shown.record.events.length },
    erased: shown.erased,
    seconds,
  })
  return asExpected ? EXIT.ok : EXIT.unexpected
}

async function showDocuments({ context, samples, faults }: Show, client: Client): Promise<Submission[]> {
  const files = samples.documents.map(({ path, options }) => ({ path, choices: options }))
  const submissions = await submitFiles(client, files, { wait: true, stderr: context.stderr })
  context.output.line()
  for (const [index, sample] of samples.documents.entries()) {
    const submission = submissions[index] as Submission
    printDocument(context.output, { ...submission.result, title: sample.file, reason: submission.failure?.message })
    const fault = documentFault(sample, submission)
    if (fault) faults.push(fault)
  }
  return submissions
}

async function showAnswers({ context, samples, faults }: Show, client: Client, fileOf: (documentId: string) => string): Promise<Answer[]> {
  const answers: Answer[] = []
  for (const sample of samples.questions) {
    const answer = await client.answer(sample.question, [])
    printAnswer(context.output, answer, fileOf)
    const fault = answerFault(sample, answer, fileOf)
    if (fault) faults.push(fault)
    answers.push(answer)
  }
  printNotice(context.output, answers)
  context.output.line()
  return answers
}

/** The document to look at and erase: the first that was cited. Its quote is what is searched for, before and after. */
function subjectOf(answers: readonly Answer[]): { id: string; query: string } {
  const citation = answers.flatMap(({ citations }) => citations).find(({ quote }) => quote.trim() !== '')
  if (!citation) throw new CliError('DEMO_FAILED', 'no answer cites a document', EXIT.unexpected)
  return { id: citation.document_id, query: citation.quote.slice(0, QUERY_CHARACTERS_MAX) }
}

async function showRecord({ context, faults }: Show, client: Client, id: string): Promise<DocumentRecord> {
  const record = await client.record(id)
  printRecord(context.output, record)
  context.output.line()
  if (record.events.length === 0) faults.push('the record has no events')
  return record
}

async function showErasure(
  { context: { output }, faults }: Show,
  client: Client,
  { id, query }: { id: string; query: string },
): Promise<Demo['erased']> {
  const before = await countHits(client, id, query)
  output.line(`  before   a search for ${quoted(query)} finds it ${before === 1 ? 'once' : `${before} times`}`)
  const { event } = await eraseAndWait(client, id)
  const foundAfter = (await countHits(client, id, query)) + (await countReadable(client, id))
  const gone = await isErased(client, id)
  const verdict = foundAfter === 0 ? output.paint('green', 'gone') : output.paint('red', `found ${foundAfter} times`)
  output.line(`  after    the same search, its text and its content: ${verdict}; GET answers ${gone ? '410 Gone' : 'as before'}`)
  if (event) output.line(`  emptied  ${clean(emptiedStores(event))}, each read back afterwards`)
  output.line(`  kept     its record, now ${countText((await client.record(id)).events.length, 'event')}, without content\n`)
  if (before === 0) faults.push('the search did not find the document before its erasure')
  if (foundAfter > 0) faults.push(`the erased document was found ${foundAfter} times`)
  if (!event?.stores.length) faults.push('the record does not say which stores the erasure emptied')
  if (!gone) faults.push('the erased document still answers')
  return { document_id: id, found_after: foundAfter }
}

async function countHits(client: Client, id: string, query: string): Promise<number> {
  return (await client.search(query, HITS_MAX)).hits.filter(({ document_id }) => document_id === id).length
}

/** How many of the document's text and content can still be read. */
async function countReadable(client: Client, id: string): Promise<number> {
  let readable = 0
  for (const part of ['text', 'content'] as const) {
    try {
      await client.probe(id, part)
      readable++
    } catch (error) {
      if (!(error instanceof CliError && error.code === 'DOCUMENT_ERASED')) throw error
    }
  }
  return readable
}
