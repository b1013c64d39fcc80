import { z } from 'zod'
import { UploadAccepted } from '../shared/contracts/document.ts'
import { type BenchDocument, makePdfs, makeText } from './documents.ts'
import { DeliveryError, expectExactly, type Options } from './options.ts'
import { type Memory, peakRssOf } from './processes.ts'
import { type Row, single } from './report.ts'
import { median } from './rounds.ts'
import { type StandaloneService, startStandalone } from './stack.ts'

const LONG_PAGES = 500
const SMALL_DOCUMENTS = 1_000
const QUICK_SHARE = 0.1
/** Every fourth small document is a PDF of one page, the others are text of that length. */
const PDF_EVERY = 4
/** Small documents that are under way at once. */
const LANES = 8
/** Looking at every page of forty processes takes 30 ms of a core, so it is done often only where the peak is short. */
const LONG_SAMPLE_MS = 100
const SMALL_SAMPLE_MS = 500
/** A run is cut into as many parts of the same time; the first is not looked at, because caches fill there. */
const PARTS = 5
const FLAT = { of: 'product', atMost: 1.1 } as const
const MEGABYTE = 1_000_000

/** What `GET /v1/documents/{id}` says, as far as it is read here. */
const Completed = z.object({ status: z.literal('completed'), pages: z.array(z.object({ characters: z.int().min(1) })) })

/** Memory of all processes of the embedded system: server, parser children, database server. Each of the two runs meets a freshly started one. */
export async function run({ quick, say }: Options): Promise<Row[]> {
  const pages = LONG_PAGES * (quick ? QUICK_SHARE : 1)
  say(`memory, one PDF of ${pages} pages`)
  const long = await processAll(await makePdfs(1, pages), LONG_SAMPLE_MS)
  const documents = await smallDocuments(SMALL_DOCUMENTS * (quick ? QUICK_SHARE : 1))
  say(`memory, ${documents.length} small documents`)
  const small = await processAll(documents, SMALL_SAMPLE_MS)
  const early = megabytesInPart(small, 1)
  const late = megabytesInPart(small, PARTS - 1)
  const unit = 'MB, all processes'
  return [
    single({ name: `memory, peak, PDF of ${pages} pages`, unit, product: long.peakBytes / MEGABYTE, goal: null }),
    single({ name: `memory, peak, ${documents.length} small documents`, unit, product: small.peakBytes / MEGABYTE, goal: null }),
    single({
      name: 'memory, their last fifth over second fifth',
      unit: 'ratio of medians',
      product: late / early,
      goal: FLAT,
      note: `${early.toFixed(0)} MB and ${late.toFixed(0)} MB in ${small.samples.length} samples; flat means at most a tenth more`,
    }),
  ]
}

async function smallDocuments(count: number): Promise<BenchDocument[]> {
  const pdfs = await makePdfs(Math.ceil(count / PDF_EVERY), 1)
  return Array.from({ length: count }, (_, index) => pdfs[index % PDF_EVERY === 0 ? index / PDF_EVERY : count] ?? makeText(index + 1))
}

async function processAll(documents: readonly BenchDocument[], everyMs: number): Promise<Memory<void>> {
  const system = await startStandalone()
  let next = 0
  const processInTurn = async () => {
    for (let document = documents[next++]; document; document = documents[next++]) await processOne(system, document)
  }
  const memory = await peakRssOf([system.pid], async () => void (await Promise.all(Array.from({ length: LANES }, processInTurn))), everyMs)
  await system.stop()
  return memory
}

/** Resolves when the document is completed, with text on every page. */
async function processOne({ url, apiKey }: StandaloneService, document: BenchDocument): Promise<void> {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': document.mediaType }
  const posted = await fetch(`${url}/v1/documents`, { method: 'POST', headers, body: new Uint8Array(document.bytes) })
  if (posted.status !== 202) throw new DeliveryError(`${document.name} was answered with ${posted.status}: ${await posted.text()}`)
  const { document_id, outcome } = UploadAccepted.parse(await posted.json())
  if (outcome !== 'created') throw new DeliveryError(`${document.name} is ${outcome}, not created`)
  // The stream ends with the document's work.
  await (await fetch(`${url}/v1/documents/${document_id}/progress`, { headers })).text()
  const { pages } = Completed.parse(await (await fetch(`${url}/v1/documents/${document_id}`, { headers })).json())
  expectExactly(`pages of ${document.name}`, pages.length, document.pages)
}

/** Median of the samples in one of the PARTS of the run. */
function megabytesInPart({ samples }: Memory<void>, part: number): number {
  const endMs = samples.at(-1)?.atMs ?? 0
  const inPart = samples.filter(({ atMs }) => Math.min(Math.floor((atMs / endMs) * PARTS), PARTS - 1) === part)
  return median(inPart.map(({ bytes }) => bytes)) / MEGABYTE
}
