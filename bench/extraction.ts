import { join } from 'node:path'
import { PARSE_MODES, type Parsed, type ParseMode, type ParseRequest } from './baseline/parse.ts'
import { makePdfs, writeDocuments } from './documents.ts'
import type { Extracted, ExtractRequest } from './extraction-product.ts'
import { temporaryFolder } from './folder.ts'
import { expectExactly, type Options } from './options.ts'
import { cpuMsOf, peakRssOf, type Script, startScript } from './processes.ts'
import { idle } from './product.ts'
import { compare, type Row } from './report.ts'
import { type Figures, interleave, median, perSecond } from './rounds.ts'

const CASES = [
  { pages: 2, documents: 120, documentsQuick: 8 },
  { pages: 40, documents: 8, documentsQuick: 2 },
] as const
const GOAL = { of: 'ratio', atLeast: 0.9 } as const
const BYTES_PER_MB = 1_000_000

/**
 * Pages per second of the product's extractor, sandbox and pipes included, as many documents at once as one worker process starts, against `pdf-parse`
 * alone in one process, over the same bytes. Both have their files in memory and are warm.
 */
export async function run({ rounds, quick, say }: Options): Promise<Row[]> {
  const folder = temporaryFolder()
  const rows: Row[] = []
  for (const { pages, documents, documentsQuick } of CASES) {
    say(`extraction, ${pages} pages`)
    const count = quick ? documentsQuick : documents
    rows.push(await measure(writeDocuments(folder.path, await makePdfs(count, pages)), pages, rounds))
  }
  folder.remove()
  return rows
}

async function measure(files: readonly string[], pages: number, rounds: number): Promise<Row> {
  const extractor = startScript(join(import.meta.dirname, 'extraction-product.ts'))
  const parser = startScript(join(import.meta.dirname, 'baseline/parse.ts'))
  await extractor.ask<Extracted>({ kind: 'load', files } satisfies ExtractRequest)
  await parser.ask<Parsed>({ kind: 'load', files } satisfies ParseRequest)
  const expected = files.length * pages
  const parsed = new Map<ParseMode, Figures[]>(PARSE_MODES.map((mode) => [mode, []]))
  const measured = await interleave(rounds, {
    product: async () => {
      await idle([extractor.pid])
      return timed(extractor, { kind: 'extract' }, expected)
    },
    baseline: async () => {
      const runs: Figures[] = []
      for (const mode of PARSE_MODES) {
        const figures = await timed(parser, { kind: 'parse', mode }, expected)
        parsed.get(mode)?.push(figures)
        runs.push(figures)
      }
      return runs.reduce((best, figures) => (perSecond(figures) > perSecond(best) ? figures : best))
    },
  })
  // Not while time is taken: sampling walks over every page of memory.
  const product = await peakRssOf([extractor.pid], () => timed(extractor, { kind: 'extract' }, expected))
  const bare = await peakRssOf([parser.pid], () => timed(parser, { kind: 'parse', mode: 'page' }, expected))
  await extractor.stop()
  await parser.stop()
  const speeds = PARSE_MODES.map((mode) => `${median((parsed.get(mode) ?? []).slice(1).map(perSecond)).toFixed(0)} by the ${mode}`)
  const memory = `peak ${megabytes(product.peakBytes)} MB, parent and children, against ${megabytes(bare.peakBytes)} MB`
  const note = `${files.length} documents; pdf-parse alone ${speeds.join(', ')}, the faster counts; ${memory}`
  return compare({ name: `extraction, ${pages} pages`, unit: 'pages/s', measured, of: perSecond, goal: GOAL, note })
}

async function timed(script: Script, request: ExtractRequest | ParseRequest, expectedPages: number): Promise<Figures> {
  const cpuBeforeMs = cpuMsOf([script.pid])
  const { wallMs, pages } = await script.ask<Parsed | Extracted>(request)
  expectExactly('pages of text', pages, expectedPages)
  return { wallMs, cpuMs: cpuMsOf([script.pid]) - cpuBeforeMs, count: pages }
}

function megabytes(bytes: number): string {
  return (bytes / BYTES_PER_MB).toFixed(0)
}
