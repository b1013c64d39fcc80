import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../../shared/contracts/errors.ts'
import { MaskCounts, MaskKind } from '../../../shared/contracts/masking.ts'
import { assertMasked, createMasker } from '../../../shared/masking/masker.ts'
import type { NameRecogniser } from '../../../shared/masking/recogniser.ts'
import { listedNames } from './listed-names.ts'

const signal = new AbortController().signal
const IBAN = 'DE89 3704 0044 0532 0130 00'

const open = (recogniser?: NameRecogniser, kinds: readonly MaskKind[] = MaskKind.options) =>
  createMasker({ kinds, ...(recogniser && { recogniser }) }).open('de')

const silent: NameRecogniser = { kinds: ['name'], recognise: () => Promise.reject(new AppError('MASKING_UNAVAILABLE', 'no answer')) }

const codeOf = (error: unknown) => (error instanceof AppError ? error.code : error)
const thrownBy = (run: () => void): unknown => {
  try {
    run()
  } catch (error) {
    return codeOf(error)
  }
  return 'nothing'
}

describe('a name that a text was cut through', () => {
  const names = listedNames(['Anna Maria Schmidt', 'Karl J. Weiß'])
  const whole = 'Es schrieb Anna Maria Schmidt an Karl J. Weiß.'

  test.each([
    ['at the end of a text', 'Der Brief ist von Anna Maria', 'Der Brief ist von [NAME_3]'],
    ['at its end in another line', 'Der Brief ist von „Anna\nMaria', 'Der Brief ist von „[NAME_3]'],
    ['at the beginning of the next', 'MARIA SCHMIDT wohnt hier.', '[NAME_3] wohnt hier.'],
    ['at an initial', 'Weiß antwortete Anna', '[NAME_3] antwortete [NAME_4]'],
    ['at the full stop of an initial', 'Es antwortete Karl J.', 'Es antwortete [NAME_3].'],
  ])('is masked in pieces where it stands whole in another text: %s', async (_where, cut, masked) => {
    const session = open(names)
    const texts = [whole, cut]
    const covered = await session.maskAll(texts, signal)
    expect(covered).toEqual(['Es schrieb [NAME_1] an [NAME_2].', masked])
    expect(covered.map((text) => session.unmask(text))).toEqual(texts)
    expect(await open(names).maskAll(texts.toReversed(), signal)).not.toContain(cut)
  })

  test.each(['Anna Maria wohnt hier.', 'Hier wohnt Maria Schmidt nicht.', 'Schmidtchen schrieb an Ann', 'J'])(
    'only at the ends of a text, and in whole words: %s',
    async (text) => {
      expect((await open(names).maskAll([whole, text], signal))[1]).toBe(text)
    },
  )

  test('is none of a rule that masks no names', async () => {
    expect((await open(names, ['iban']).maskAll([whole, 'von Anna Maria'], signal))[1]).toBe('von Anna Maria')
  })
})

describe('placeholders', () => {
  test('are typed, numbered in the order of the text, and shared by all texts of a call', async () => {
    const session = open(listedNames(['Anna Schmidt']))
    expect(await session.maskAll([`Anna Schmidt, ${IBAN}`, `${IBAN}, karl@example.com, Anna Schmidt`], signal)).toEqual([
      '[NAME_1], [IBAN_1]',
      '[IBAN_1], [EMAIL_1], [NAME_1]',
    ])
    expect(await session.mask('eva@example.com schreibt karl@example.com', signal)).toBe('[EMAIL_2] schreibt [EMAIL_1]')
  })

  test('tell the spellings of one value apart, so that each quote fits its page letter by letter', async () => {
    const session = open()
    const compact = IBAN.replaceAll(' ', '')
    expect(await session.mask(`${IBAN} oder ${compact}`, signal)).toBe('[IBAN_1] oder [IBAN_1b]')
    expect(session.unmask('„[IBAN_1b]“ steht dort, nicht „[IBAN_1]“')).toBe(`„${compact}“ steht dort, nicht „${IBAN}“`)
    expect(await session.mask('Tel. 030 23125123, Tel. +49 30 23125123', signal)).toBe('Tel. [PHONE_1], Tel. [PHONE_1b]')
  })

  test('never collide with strings of the text that look like them', async () => {
    const session = open()
    const texts = ['Muster: [IBAN_1] und [ iban 2 ]', `wirklich: ${IBAN}`]
    const masked = await session.maskAll(texts, signal)
    expect(masked).toEqual(['Muster: [TEXT_1] und [TEXT_2]', 'wirklich: [IBAN_1]'])
    expect(masked.map((text) => session.unmask(text))).toEqual(texts)
    expect(session.counts().before.iban).toBe(1)
  })

  test('are read back in the spellings of models, and only those', async () => {
    const session = open(listedNames(['Anna Schmidt']))
    await session.mask(`Anna Schmidt ${IBAN} ${IBAN.replaceAll(' ', '')}, geb. 12.03.1980`, signal)
    for (const printed of ['[NAME_1]', '[name_1]', '[ Name 1 ]', '[NAME-1]', '\\[NAME\\_1\\]', '[NAME1]'])
      expect(session.unmask(`Frau ${printed}.`)).toBe('Frau Anna Schmidt.')
    expect(session.unmask('[BIRTH DATE 1], [birth_date_1], [IBAN_1 B]')).toBe(`12.03.1980, 12.03.1980, ${IBAN.replaceAll(' ', '')}`)
    expect(session.unknownPlaceholders()).toBe(0)
    expect(session.unmask('NAME_1 [NAMES_1] [1]')).toBe('NAME_1 [NAMES_1] [1]')
  })

  test('that a model made up stay as they are, and are counted', async () => {
    const session = open()
    await session.mask(IBAN, signal)
    expect(session.unmask('[IBAN_7], [IBAN_1c], [PHONE_1] und [IBAN_1]')).toBe(`[IBAN_7], [IBAN_1c], [PHONE_1] und ${IBAN}`)
    expect(session.unknownPlaceholders()).toBe(3)
  })

  test('are put back in every string of a JSON value', async () => {
    const session = open()
    await session.mask(IBAN, signal)
    expect(session.unmaskDeep({ fields: [{ name: 'iban', value: '[IBAN_1]', page: 1, more: null }], '[IBAN_1]': true })).toEqual({
      fields: [{ name: 'iban', value: IBAN, page: 1, more: null }],
      '[IBAN_1]': true,
    })
    const deep = Array.from({ length: 100 }).reduce<unknown>((inner) => [inner], '[IBAN_1]')
    expect(thrownBy(() => session.unmaskDeep(deep))).toBe('MODEL_OUTPUT_INVALID')
  })
})

describe('a value that only one place explains', () => {
  test('is masked where nothing explains it', async () => {
    const session = open()
    expect(await session.maskAll(['Am 12.03.1980 in Köln', 'geb. 12.03.1980'], signal)).toEqual([
      'Am [BIRTH_DATE_1] in Köln',
      'geb. [BIRTH_DATE_1]',
    ])
  })

  test('is masked when the masking itself brings the words beside it that explain it', async () => {
    const session = open(undefined, ['birth_date', 'address'])
    const text = 'geboren in der Ludwig-van-Beethoven-Erinnerungsallee 123, 94032 Neustadt an der Weinstraße, am 12.03.1980'
    expect(await session.mask(text, signal)).toBe('geboren in der [ADDRESS_1], [ADDRESS_2], am [BIRTH_DATE_1]')
    expect(session.unmask('[BIRTH_DATE_1]')).toBe('12.03.1980')
  })

  test('is masked where the recogniser overlooks it, whatever its case, but not inside other words', async () => {
    const session = open(listedNames(['Anna Schmidt'], 'first'))
    expect(
      await session.maskAll(['ANNA SCHMIDT und ANNA SCHMIDTKE, ANNA SCHMIDTs Hund', 'Frau Anna Schmidt ruft Anna Schmidt'], signal),
    ).toEqual(['[NAME_1] und ANNA SCHMIDTKE, [NAME_1]s Hund', 'Frau [NAME_1b] ruft [NAME_1b]'])
  })
})

describe('counts', () => {
  test('say what was there before, and what is found after', async () => {
    const session = open(listedNames(['Anna Schmidt']), ['iban', 'email', 'name'])
    await session.maskAll([`Anna Schmidt: ${IBAN}`, `${IBAN}, Tel. 030 23125123`], signal)
    const counts = session.counts()
    expect(counts).toEqual({ before: { iban: 2, email: 0, name: 1 }, after: { iban: 0, email: 0, name: 0 } })
    expect(MaskCounts.parse(counts.before)).toEqual(counts.before)
  })

  test('leave out what nothing looked for', async () => {
    const session = open(undefined, ['iban', 'name'])
    await session.mask(`Anna Schmidt: ${IBAN}`, signal)
    expect(session.counts()).toEqual({ before: { iban: 1 }, after: { iban: 0 } })
    expect(session.unsearched).toEqual(['name'])
  })

  test('after find a name in a text that was masked before the name was known', async () => {
    const session = open(listedNames(['Anna Schmidt'], 'all'), ['name'])
    const blind = listedNames([])
    const forgetful = createMasker({
      kinds: ['name'],
      recogniser: {
        kinds: ['name'],
        recognise: (text, ...rest) => (text.startsWith('Brief') ? blind : listedNames(['Anna Schmidt'])).recognise(text, ...rest),
      },
    }).open('de')
    await forgetful.mask('Brief an Anna Schmidt', signal)
    await forgetful.mask('Anna Schmidt', signal)
    expect(forgetful.counts().after).toEqual({ name: 1 })
    expect(thrownBy(() => assertMasked(forgetful, { strict: true }))).toBe('POLICY_REFUSED')
    await session.maskAll(['Brief an Anna Schmidt', 'Anna Schmidt'], signal)
    expect(thrownBy(() => assertMasked(session, { strict: true }))).toBe('nothing')
  })
})

describe('failing closed', () => {
  test('a recogniser that does not answer leaves no masked text, and the session refuses every call', async () => {
    const session = open(silent)
    await expect(session.maskAll(['Anna Schmidt'], signal)).rejects.toMatchObject({ code: 'MASKING_UNAVAILABLE' })
    expect(thrownBy(() => assertMasked(session, { strict: false }))).toBe('MASKING_UNAVAILABLE')
    expect(thrownBy(() => assertMasked(session, { strict: true }))).toBe('MASKING_UNAVAILABLE')
  })

  test('a recogniser is not asked when no rule wants what it knows', async () => {
    const session = open(silent, ['iban'])
    expect(await session.mask(IBAN, signal)).toBe('[IBAN_1]')
  })

  test('special data is refused when names are to be masked and nothing recognises them; other data goes out, and the counts show it', async () => {
    const session = open(undefined, ['iban', 'name'])
    await session.mask(IBAN, signal)
    expect(thrownBy(() => assertMasked(session, { strict: true }))).toBe('POLICY_REFUSED')
    expect(thrownBy(() => assertMasked(session, { strict: false }))).toBe('nothing')
  })

  test('an aborted call masks nothing more', async () => {
    const session = open()
    await expect(session.mask(IBAN, AbortSignal.abort(new Error('given up')))).rejects.toThrow('given up')
    expect(thrownBy(() => assertMasked(session, { strict: false }))).toBe('MASKING_UNAVAILABLE')
  })
})

describe('the vault', () => {
  test('shows no value to JSON, to inspection, or to a clone', async () => {
    const session = open(listedNames(['Anna Schmidt']))
    await session.mask(`Anna Schmidt, ${IBAN}, karl@example.com`, signal)
    const shown = JSON.stringify({ session, nested: [session] }) + inspect(session, { depth: null, showHidden: true, getters: true })
    for (const value of ['Anna', 'Schmidt', 'DE89', '3704', 'karl']) expect(shown).not.toContain(value)
    expect(() => structuredClone(session)).toThrow(/could not be cloned/)
  })

  test('shows no value in the errors that it throws', async () => {
    const session = open(silent)
    const error = await session.mask(`Anna Schmidt, ${IBAN}`, signal).catch((thrown: unknown) => thrown)
    expect(inspect(error, { depth: null })).not.toMatch(/Anna|DE89/)
  })
})
