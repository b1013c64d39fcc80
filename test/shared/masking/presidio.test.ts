import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AppError } from '../../../shared/contracts/errors.ts'
import { createPresidioRecogniser, type PresidioOptions } from '../../../shared/masking/presidio.ts'
import { type RecogniserBehaviour, type RecogniserDouble, startRecogniserDouble } from '../../support/recogniser-double.ts'

const signal = new AbortController().signal
let double: RecogniserDouble

beforeEach(async () => {
  double = await startRecogniserDouble({ 'Anna Schmidt': 'PERSON', 'Zoë 😀': 'PERSON', Köln: 'LOCATION' })
})
afterEach(() => double.close())

const recogniser = (options: Partial<PresidioOptions> = {}) =>
  createPresidioRecogniser({ baseUrl: double.baseUrl, fetch, languages: ['en', 'de'], timeoutMs: 30_000, ...options })

async function names(text: string, options: Partial<PresidioOptions> = {}): Promise<string[]> {
  return (await recogniser(options).recognise(text, 'de', signal)).map(({ kind, start, end }) => `${kind} ${text.slice(start, end)}`)
}

describe('what Presidio answers', () => {
  test('is read as names, and as addresses when places are wanted', async () => {
    expect(await names('Anna Schmidt wohnt in Köln')).toEqual(['name Anna Schmidt'])
    expect(await names('Anna Schmidt wohnt in Köln', { places: true })).toEqual(['name Anna Schmidt', 'address Köln'])
    expect(recogniser().kinds).toEqual(['name'])
    expect(recogniser({ places: true }).kinds).toEqual(['name', 'address'])
  })

  test('counts code points, and is turned into our offsets', async () => {
    expect(await names('😀😀 𝒜 Anna Schmidt und Zoë 😀, é')).toEqual(['name Anna Schmidt', 'name Zoë 😀'])
  })

  test('is trimmed, and left out when nothing but blanks remains', async () => {
    const body = JSON.stringify([
      { entity_type: 'PERSON', start: 0, end: 6, score: 0.9 },
      { entity_type: 'PERSON', start: 5, end: 6, score: 0.9 },
      { entity_type: 'DATE_TIME', start: 0, end: 3, score: 0.9 },
    ])
    double.script({ kind: 'body', body })
    expect(await names('\nAnna und Karl')).toEqual(['name Anna'])
  })

  test('is asked for in the language of the text, or the first of the server where it does not know that', async () => {
    for (const language of ['de', 'pl', null]) await recogniser({ scoreMin: 0.7 }).recognise('Anna', language, signal)
    expect(double.requests.map((request) => request.language)).toEqual(['de', 'en', 'en'])
    expect(double.requests[0]).toEqual({ text: 'Anna', language: 'de', entities: ['PERSON'], score_threshold: 0.7 })
  })

  test('is put together from pieces of a long text, none of which cuts a name', async () => {
    const text = `${'Ein Satz von Anna Schmidt über Köln. '.repeat(5_000)}😀`
    const found = await names(text)
    expect(double.requests.length).toBeGreaterThan(2)
    expect(double.requests.map((request) => request.text).join('')).toBe(text)
    expect(found).toHaveLength(5_000)
    expect(new Set(found)).toEqual(new Set(['name Anna Schmidt']))
  })

  test('is not needed for a text without a letter', async () => {
    expect(await names('12 345 \n')).toEqual([])
    expect(double.requests).toEqual([])
  })
})

describe('whatever else comes', () => {
  const CASES: Record<string, RecogniserBehaviour> = {
    'an error of the server': { kind: 'status', status: 500 },
    'a refusal': { kind: 'status', status: 404 },
    'no JSON': { kind: 'body', body: '<html>Anna Schmidt</html>' },
    'another shape': { kind: 'body', body: '{"results":[]}' },
    'results without offsets': { kind: 'body', body: '[{"entity_type":"PERSON","score":0.9}]' },
    'offsets behind the end of the text': { kind: 'body', body: '[{"entity_type":"PERSON","start":3,"end":4000,"score":0.9}]' },
    'offsets that are turned round': { kind: 'body', body: '[{"entity_type":"PERSON","start":5,"end":2,"score":0.9}]' },
    'a broken connection': { kind: 'reset' },
    'an answer without end': { kind: 'endless' },
  }

  test.each(Object.entries(CASES))('%s is no answer, and the error holds nothing of the text', async (_, behaviour) => {
    double.script(behaviour)
    const error = await names('Anna Schmidt').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(AppError)
    expect(error).toMatchObject({ code: 'MASKING_UNAVAILABLE' })
    expect((error as AppError).cause).toBeUndefined()
    expect(String(error)).not.toContain('Anna')
  })

  test('a redirect is not followed: the text would go to a host that nobody checked', async () => {
    const other = await startRecogniserDouble({})
    double.script({ kind: 'redirect', location: `${other.baseUrl}/analyze` })
    await expect(names('Anna Schmidt')).rejects.toMatchObject({ code: 'MASKING_UNAVAILABLE' })
    expect(other.requests).toEqual([])
    await other.close()
  })

  test('silence ends after the time that was given', async () => {
    double.script({ kind: 'hang' })
    await expect(names('Anna Schmidt', { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'MASKING_UNAVAILABLE',
      detail: 'no answer within 50 ms',
    })
  })

  test('a caller that gives up gets its own reason', async () => {
    double.script({ kind: 'hang' })
    const controller = new AbortController()
    const asked = recogniser().recognise('Anna Schmidt', 'de', controller.signal)
    controller.abort(new AppError('STAGE_TIMEOUT'))
    await expect(asked).rejects.toMatchObject({ code: 'STAGE_TIMEOUT' })
  })

  test('a longer text than the bound is refused before anything is sent', async () => {
    await expect(recogniser().recognise('Ä '.repeat(5_100_000), 'de', signal)).rejects.toMatchObject({ code: 'MASKING_UNAVAILABLE' })
    expect(double.requests).toEqual([])
  })
})
