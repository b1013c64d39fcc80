import { readdir, readFile } from 'node:fs/promises'
import { inflateSync } from 'node:zlib'
import { isValidIBAN } from 'ibantools'
import { PDFParse } from 'pdf-parse'
import { stdnum } from 'stdnum'
import { beforeAll, describe, expect, test } from 'vitest'
import { readExpected, readSamples, type SampleDocument, type SampleQuestion } from '../../samples/read.ts'
import { renderSamples } from '../../samples/render.ts'
import { schemaFor } from '../../shared/inference/extraction/shipped.ts'

const DOCUMENTS = new URL('../../samples/documents/', import.meta.url)

const committed = new Map<string, Buffer>()
const texts = new Map<string, string>()
let documents: SampleDocument[] = []
let questions: SampleQuestion[] = []

beforeAll(async () => {
  for (const file of await readdir(DOCUMENTS)) committed.set(file, await readFile(new URL(file, DOCUMENTS)))
  for (const [file, bytes] of committed) texts.set(file, file.endsWith('.pdf') ? await pdfText(bytes) : readableText(file, bytes))
  ;({ documents, questions } = await readSamples())
})

describe('the sample documents', () => {
  test('are what the script makes today', async () => {
    const fresh = await renderSamples()
    expect([...committed.keys()].sort()).toEqual([...fresh.keys()].sort())
    for (const [file, bytes] of fresh) expect(comparable(file, Buffer.from(bytes)), file).toBe(comparable(file, committed.get(file)))
  })

  test('have the same bytes each time they are made', async () => {
    const [first, second] = [await renderSamples(), await renderSamples()]
    for (const [file, bytes] of first) expect(Buffer.compare(bytes, second.get(file) ?? Buffer.alloc(0)), file).toBe(0)
  })

  test('are at least twelve, each in the manifest', () => {
    expect(documents.length).toBeGreaterThanOrEqual(12)
    expect(documents.map((document) => document.file).sort()).toEqual([...committed.keys()].sort())
    for (const document of documents) expect(document.options.file_name).toBe(document.file)
  })

  test('hold only IBANs with a correct checksum', () => {
    const ibans = allMatches(/\b[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){3,7}(?: [A-Z0-9]{1,3})?\b/g).map((iban) => iban.replaceAll(' ', ''))
    expect(new Set(ibans).size).toBeGreaterThanOrEqual(4)
    expect(ibans.filter((iban) => !isValidIBAN(iban))).toEqual([])
  })

  test('hold only VAT identifiers with a correct checksum', () => {
    const check = { DE: stdnum.DE?.vat, FR: stdnum.FR?.tva, GB: stdnum.GB?.vat, IE: stdnum.IE?.vat, NL: stdnum.NL?.btw } as const
    const ids = allMatches(/\b(?:DE\d{9}|FR\d{11}|GB\d{9}|IE\d{7}[A-Z]{1,2}|NL\d{9}B\d{2})\b/g)
    expect(new Set(ids.map((id) => id.slice(0, 2)))).toEqual(new Set(Object.keys(check)))
    expect(ids.filter((id) => !check[id.slice(0, 2) as keyof typeof check]?.validate(id).isValid)).toEqual([])
    expect(stdnum.ES?.cif?.validate(allMatches(/F\d{8}/g)[0] ?? '').isValid).toBe(true)
  })

  test('name no address outside .example', () => {
    const hosts = allMatches(/(?:@|www\.)[a-z0-9.-]+[a-z]/g)
    expect(hosts.length).toBeGreaterThanOrEqual(10)
    expect(hosts.filter((host) => !host.endsWith('.example'))).toEqual([])
  })

  test.each([
    ['invoice-2026-0173.pdf', /Nettobetrag: ([\d.,]+)/, /19 % Umsatzsteuer: ([\d.,]+)/, /Gesamtbetrag \(brutto\): ([\d.,]+)/, 19],
    ['facture-fr-2026-088.pdf', /Total HT : ([\d ,]+) €/, /TVA 20 % : ([\d ,]+) €/, /Total TTC : ([\d ,]+) €/, 20],
    ['invoice-en-2026-4417.html', /\(net\): £([\d.,]+)/, /VAT at 20%: £([\d.,]+)/, /Total due: £([\d.,]+)/, 20],
    ['creditnota-2026-0031.txt', /exclusief btw: EUR ([\d.,]+)/, /Btw 21 %: EUR ([\d.,]+)/, /inclusief btw: EUR ([\d.,]+)/, 21],
  ])('%s states net, tax and gross that add up, each on the line of its label', (file, net, tax, gross, percent) => {
    const [netCents, taxCents, grossCents] = [net, tax, gross].map((pattern) => cents(pattern.exec(texts.get(file) ?? '')?.[1])) as [
      number,
      number,
      number,
    ]
    expect(netCents).toBeGreaterThan(0)
    expect(taxCents).toBe(Math.round((netCents * percent) / 100))
    expect(grossCents).toBe(netCents + taxCents)
  })

  test('carry their labels and values in reading order out of a PDF', () => {
    expect(texts.get('invoice-2026-0173.pdf')).toContain('Rechnungsnummer: 2026-0173\nRechnungsdatum: 14.09.2026\n')
    expect(texts.get('facture-fr-2026-088.pdf')).toContain("Facture n° : 2026-088\nDate d'émission : 03/07/2026\n")
    expect(texts.get('service-agreement.pdf')).toContain('5.2 Either party may end this Agreement')
    expect(texts.get('lettre-rh-2026-117.pdf')).toContain('Salaire mensuel brut 2 640,00 € 2 860,00 €\n')
    expect(texts.get('kontoauszug-2026-10.pdf')).toContain('Neuer Kontostand am 31.10.2026: 24.118,32 EUR\n')
  })
})

test('the fields that are expected of sample documents are of the schema of their type', async () => {
  const expected = await readExpected()
  expect(expected.length).toBeGreaterThanOrEqual(9)
  for (const { file, fields } of expected) {
    const type = documents.find((document) => document.file === file)?.expectType
    expect(type, file).toBeDefined()
    const names = type ? Object.keys(schemaFor(type).root.properties) : []
    expect(
      Object.keys(fields).filter((name) => !names.includes(name)),
      file,
    ).toEqual([])
  }
})

describe('the sample questions', () => {
  test('are at least eight, in at least four languages, and some have no answer', () => {
    expect(questions.length).toBeGreaterThanOrEqual(8)
    expect(new Set(questions.map((question) => question.language)).size).toBeGreaterThanOrEqual(4)
    expect(questions.filter((question) => question.document === null).length).toBeGreaterThanOrEqual(1)
  })

  test('ask about every document, and what they expect stands there within one line', () => {
    const answered = questions.filter((question) => question.document !== null)
    expect(new Set(answered.map((question) => question.document))).toEqual(new Set(committed.keys()))
    for (const { document, expect: words } of answered) expect(texts.get(document), document).toContain(words)
  })
})

/** Deflate's output depends on the processor (zlib uses its vector instructions), so PDFs are compared with their streams inflated. */
function comparable(file: string, bytes: Buffer | undefined): string {
  if (bytes === undefined) return ''
  if (!file.endsWith('.pdf')) return bytes.toString('utf8')
  const packed = bytes.toString('latin1')
  const inflated = packed.replace(/stream\r?\n([\s\S]*?)\r?\nendstream/g, (_, stream: string) =>
    inflateSync(Buffer.from(stream, 'latin1')).toString('latin1'),
  )
  return inflated
    .replace(/\/Length \d+/g, '/Length')
    .replace(/\nxref\n[\s\S]*?\ntrailer/, '\ntrailer')
    .replace(/startxref\n\d+/, 'startxref')
}

async function pdfText(bytes: Buffer): Promise<string> {
  const parser = new PDFParse({ data: new Uint8Array(bytes) })
  try {
    return (await parser.getText()).pages.map((page) => page.text).join('\n')
  } finally {
    await parser.destroy()
  }
}

/** Near enough for these files: the pages of ours use one entity and no attribute with a `>`. */
function readableText(file: string, bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return file.endsWith('.html') ? text.replace(/<(script|style)[\s\S]*?<\/\1>|<[^>]+>/g, '').replaceAll('&amp;', '&') : text
}

function allMatches(pattern: RegExp): string[] {
  return [...texts.values()].flatMap((text) => text.match(pattern) ?? [])
}

function cents(printed: string | undefined): number {
  return Number(printed?.replace(/\D/g, '') ?? Number.NaN)
}
