import { join, relative } from 'node:path'
import type { readSamples } from '../../../samples/read.ts'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../context.ts'
import { closeInTime, type Standalone, type StartStandalone, startUnlessInterrupted } from '../embedded.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'

type Samples = Awaited<ReturnType<typeof readSamples>>

/** `greffier serve`: the embedded system, until a signal comes. Prints where it is, the first key once, and three lines to paste. */
export async function serve(context: CommandContext, samples: Samples, start: StartStandalone): Promise<ExitCode> {
  const { config, output, interrupted } = context
  const server = await startOn(config.port, interrupted, () =>
    start({ dataDir: config.dataDir, port: config.port, logLevel: config.logLevel }),
  )
  try {
    printWelcome(context, server, samples)
    const failure = await Promise.race([aborted(interrupted), server.failed])
    if (failure) throw failure
    output.line('stopping …')
  } finally {
    await closeInTime(server)
  }
  output.line('stopped; the data is kept')
  return EXIT.ok
}

async function startOn(port: number, interrupted: AbortSignal, start: () => Promise<Standalone>): Promise<Standalone> {
  try {
    return await startUnlessInterrupted(interrupted, start)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error
    throw new CliError('PORT_IN_USE', `port ${port} is taken: stop what runs there, or set PORT`, EXIT.unreachable, { cause: error })
  }
}

function printWelcome({ config, output }: CommandContext, server: Standalone, samples: Samples): void {
  const { paint } = output
  output.value({
    url: server.url,
    api_key: server.firstStart ? server.apiKey : null,
    first_start: server.firstStart,
    data_dir: config.dataDir,
  })
  output.line(`${paint('bold', 'Greffier')} serves ${paint('cyan', server.url)}  (data: ${config.dataDir}; Ctrl-C stops it)`)
  output.line(`The API explains itself at ${server.url}/docs`)
  if (server.firstStart) output.line(`\nAPI key, shown this once: ${paint('bold', server.apiKey)}`)
  output.line('\nTo try it, in another terminal (a document can be asked about a few seconds after its upload):\n')
  for (const line of curlLines(server, config.dataDir, samples)) output.line(`${line}\n`)
}

/** Upload, question, record: each works when it is pasted alone. After the first start the key is read from DATA_DIR/local.json. */
function curlLines(server: Standalone, dataDir: string, samples: Samples): string[] {
  const key = server.firstStart ? server.apiKey : `$(${jsonMember('api_key')} ${shellQuoted(join(dataDir, 'local.json'))})`
  const curl = `curl -sS -H "Authorization: Bearer ${key}"`
  const asked = samples.questions.find(({ expect }) => expect !== null)
  const sample = samples.documents.find(({ file }) => file === asked?.document) ?? samples.documents[0]
  if (!sample || !asked) throw new CliError('SAMPLES_MISSING', 'the sample documents are not there', EXIT.unexpected)
  const upload = `${server.url}/v1/documents?file_name=${encodeURIComponent(sample.file)}`
  const newest = `$(${curl} '${server.url}/v1/documents?limit=1' | ${jsonMember('document_id')})`
  return [
    `${curl} -H 'Content-Type: application/octet-stream' --data-binary ${shellQuoted(`@${shortest(sample.path)}`)} ${shellQuoted(upload)}`,
    `${curl} -H 'Content-Type: application/json' -d ${shellQuoted(JSON.stringify({ question: asked.question }))} ${server.url}/v1/answers`,
    `${curl} "${server.url}/v1/documents/${newest}/record"`,
  ]
}

/** A sed that prints the value of a JSON string member: a machine without jq has it. */
function jsonMember(name: string): string {
  return `sed -n 's/.*"${name}": *"\\([^"]*\\)".*/\\1/p'`
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function shortest(path: string): string {
  const fromHere = relative('.', path)
  return fromHere.startsWith('..') ? path : fromHere
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
