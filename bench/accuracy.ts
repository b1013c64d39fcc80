import { createReadStream } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { z } from 'zod'
import { readExpected } from '../samples/read.ts'
import { createExtractor, EXTRACT_LIMITS } from '../services/workers/extract/extractor.ts'
import type { MediaType } from '../shared/contracts/document.ts'
import { DocumentType, type Field, type Page } from '../shared/contracts/extraction.ts'
import { createBuiltinProvider } from '../shared/inference/builtin/provider.ts'
import { judgeClaims } from '../shared/inference/extraction/judge.ts'
import { schemaFor } from '../shared/inference/extraction/shipped.ts'
import { atEnd } from './cleanup.ts'
import { DeliveryError, type Options } from './options.ts'
import { type Row, single } from './report.ts'

const TENANT = '00000000-0000-4000-8000-000000000000'

const MEDIA_TYPES: Readonly<Record<string, MediaType>> = {
  '.pdf': 'application/pdf',
  '.md': 'text/markdown',
  '.html': 'text/html',
  '.txt': 'text/plain',
}

/** Names under which invoice2data (MIT) keeps what our schemas call otherwise; names that are neither its nor ours are not asked for. */
const FOREIGN_NAMES: Readonly<Record<string, string>> = {
  issuer: 'seller_name',
  amount: 'total_gross',
  amount_untaxed: 'total_net',
  amount_tax: 'total_tax',
  date: 'issue_date',
  date_due: 'due_date',
  vat: 'seller_vat_id',
  static_vat: 'seller_vat_id',
}

interface Case {
  path: string
  mediaType: MediaType
  expected: Readonly<Record<string, string>>
}

/** How one expected field came out. `wrong` and `verified`: the one thing that must not happen. */
interface Outcome {
  name: string
  right: boolean
  status: Field['status'] | 'missing'
}

/**
 * Fields that `builtin` reads, against what is expected, exact once dates, numbers, case and white space are brought to one form; through the extractor,
 * the schema that ships for the type it finds, and the judge. Lists are not asked for: the rules read none. Without `--folder` over the samples; a folder holds
 * documents with a JSON object of fields beside each (`a.pdf`, `a.json`).
 */
export async function run({ folder, say }: Options): Promise<Row[]> {
  const cases = folder === null ? await samples() : await casesIn(resolve(folder))
  if (cases.length === 0) throw new DeliveryError('there is no document with expected fields beside it')
  const extractor = createExtractor(EXTRACT_LIMITS)
  const ended = atEnd(() => extractor.close())
  const outcomes: Outcome[] = []
  for (const { path, mediaType, expected } of cases) {
    const reopen = async () => createReadStream(path)
    const pages = await extractor.extract(await reopen(), { tenantId: TENANT, mediaType, reopen }, new AbortController().signal)
    const fields = await fieldsOf(pages)
    const found = Object.entries(expected).map(([name, value]) => outcomeOf(name, value, fields[name]))
    say(`${basename(path)}: ${found.filter(({ right }) => right).length} of ${found.length}${told(found)}`)
    outcomes.push(...found)
  }
  await extractor.close()
  ended.done()
  const byName = [...Map.groupBy(outcomes, ({ name }) => name)].toSorted(([a], [b]) => a.localeCompare(b))
  return [...byName.map(([name, ofName]) => row(`accuracy of builtin, ${name}`, ofName)), total(cases.length, outcomes)]
}

async function fieldsOf(pages: readonly Page[]): Promise<Record<string, Field>> {
  const provider = createBuiltinProvider()
  const { signal } = new AbortController()
  const { value: kind } = await provider.classify(pages, signal)
  const schema = schemaFor(kind.type)
  const { value } = await provider.extract(pages, { schema, language: kind.language }, signal)
  return judgeClaims(value.claims, { pages, schema, language: kind.language, byRules: true })
}

async function samples(): Promise<Case[]> {
  return (await readExpected()).flatMap(({ path, fields }) => caseOf(path, fields))
}

async function casesIn(folder: string): Promise<Case[]> {
  const files = (await readdir(folder)).toSorted()
  const cases: Case[] = []
  for (const file of files.filter((name) => files.includes(`${name.slice(0, -extname(name).length)}.json`))) {
    if (MEDIA_TYPES[extname(file)] === undefined) continue
    const json: unknown = JSON.parse(await readFile(join(folder, `${file.slice(0, -extname(file).length)}.json`), 'utf8'))
    cases.push(...caseOf(join(folder, file), asked(Foreign.parse(Array.isArray(json) ? json[0] : json))))
  }
  return cases
}

const Foreign = z.record(z.string(), z.unknown())
const NAMES = new Set(DocumentType.options.flatMap((type) => Object.keys(schemaFor(type).root.properties)))

/** What our schemas have; beside it stand lists and notes. */
function asked(fields: Readonly<Record<string, unknown>>): Record<string, string> {
  const ours = Object.entries(fields).map(([name, value]): [string, unknown] => [FOREIGN_NAMES[name] ?? name, value])
  return Object.fromEntries(
    ours.flatMap(([name, value]) =>
      NAMES.has(name) && (typeof value === 'string' || typeof value === 'number') ? [[name, String(value)]] : [],
    ),
  )
}

function caseOf(path: string, expected: Readonly<Record<string, string>>): Case[] {
  const mediaType = MEDIA_TYPES[extname(path)]
  return mediaType ? [{ path, mediaType, expected }] : []
}

function outcomeOf(name: string, expected: string, field: Field | undefined): Outcome {
  return { name, right: field !== undefined && comparable(field.value) === comparable(expected), status: field?.status ?? 'missing' }
}

/** Numbers as numbers, the rest by its letters and digits. Dates are ISO 8601 on both sides. */
function comparable(value: string): string {
  if (/^-?\d+\.\d+$/.test(value) || /^-?\d{1,9}$/.test(value)) return String(Number(value))
  return value
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '')
}

function row(name: string, outcomes: readonly Outcome[], note?: string): Row {
  const right = outcomes.filter((outcome) => outcome.right).length
  const share = { name, unit: `% of ${outcomes.length}`, product: (right / outcomes.length) * 100, goal: null }
  return single(note === undefined ? share : { ...share, note })
}

function total(documents: number, outcomes: readonly Outcome[]): Row {
  const count = (matches: (outcome: Outcome) => boolean) => outcomes.filter(matches).length
  const wrong = (status: Outcome['status']) => count((outcome) => !outcome.right && outcome.status === status)
  const note =
    `${documents} documents; ${count(({ right }) => right)} right, ${wrong('missing')} not read; ` +
    `wrong and said to be verified ${wrong('verified')}, unverified ${wrong('unverified')}, conflicting ${wrong('conflicting')}`
  return row('accuracy of builtin, all fields', outcomes, note)
}

function told(outcomes: readonly Outcome[]): string {
  const wrong = outcomes
    .filter(({ right }) => !right)
    .map(({ name, status }) => `${name} ${status === 'missing' ? 'missing' : `wrong, ${status}`}`)
  return wrong.length > 0 ? ` (${wrong.join('; ')})` : ''
}
