import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readSamples } from '../../../../samples/read.ts'
import { findSensitive, findSensitiveInAll } from '../../../../shared/inference/builtin/sensitive.ts'
import { pagesOf } from './pages.ts'

const classes = (text: string) => findSensitive(pagesOf(text)).data_classes

test.each([
  ['Diagnosis: migraine without aura', 'special'],
  ['Arbeitsunfähigkeitsbescheinigung für Frau Muster', 'special'],
  ['Veuillez trouver ci-joint mon arrêt maladie.', 'special'],
  ['Adjunto la baja médica del trabajador', 'special'],
  ['Kirchensteuer 12,30', 'special'],
  ['cotisation syndicale: 20 €', 'special'],
  ['Herr Muster ist im Krankenhaus, Verdacht auf eine Krankheit der Lunge', 'special'],
  ['Führungszeugnis nach § 30 BZRG', 'criminal'],
  ['Extrait de casier judiciaire', 'criminal'],
  ['IBAN DE89 3704 0044 0532 0130 00', 'personal'],
  ['write to anna@foxglove.example', 'personal'],
])('%j is %s', (text, dataClass) => {
  expect(classes(text)).toContain(dataClass)
})

test.each([
  'The church tower clock is wound on Mondays.',
  'Le syndicat de copropriété se réunit en mai.',
  'We deliver to every hospital in the region.',
  'Rechnung 4711, Gesamtbetrag 1.234,50 €',
  'Number DE88 3704 0044 0532 0130 00 is no account.',
])('%j is nothing of that', (text) => {
  expect(classes(text)).toEqual([])
})

test('of the sample documents only the rules on leave, which speak of illness in general, are taken for special data, and none for criminal', async () => {
  const { documents } = await readSamples()
  const plain = documents.filter(({ file }) => /\.(txt|md|html)$/.test(file))
  const taken = plain.filter(({ file }) => {
    const found = classes(readFileSync(new URL(`../../../../samples/documents/${file}`, import.meta.url), 'utf8'))
    expect(found, file).not.toContain('criminal')
    return found.includes('special')
  })
  expect(taken.map(({ file }) => file)).toEqual(['urlaubsregelung.md'])
})

test('whoever shows all of a text to somebody hears of what stands anywhere in it, however long it is', async () => {
  const { signal } = new AbortController()
  const filler = 'Wort '.repeat(100_000)
  const [long] = pagesOf(`${filler}Schwerbehinderung, HIV-positiv`)
  const pages = [...pagesOf(filler), ...(long ? [long] : [])]
  expect(findSensitive(pages).data_classes).toEqual([])
  expect((await findSensitiveInAll(pages, signal)).data_classes).toContain('special')
  const atACut = pagesOf(`${'x '.repeat(99_997)}HIV-positiv ${filler}`)
  expect((await findSensitiveInAll(atACut, signal)).data_classes).toContain('special')
})
