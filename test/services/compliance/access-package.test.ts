import { expect, test } from 'vitest'
import { recipientsOf } from '../../../services/compliance/rights/access-package.ts'
import type { ProcessingEvent } from '../../../shared/contracts/record.ts'
import { loadRegister } from '../../../shared/runtime/policy-files.ts'
import { FULL_EVENT } from '../../support/full-event.ts'

const { register } = loadRegister(new URL('../../../infra/processors.yaml', import.meta.url).pathname)
const OWN = { endpoint: 'http://10.0.0.5', entity: 'Own IT' }

/** An event of one call on this day, with the text shown to this recogniser before. */
function call(day: string, recogniser: typeof OWN | null, phase: ProcessingEvent['phase'] = 'completed'): ProcessingEvent {
  const minimisation = { before: {}, after: {}, method: 'placeholders', recogniser } as const
  return { ...FULL_EVENT, time: `${day}T12:00:00.000Z`, phase, minimisation }
}

const recognisersIn = (events: ProcessingEvent[]) => recipientsOf(events, register).filter(({ kind }) => kind === 'recogniser')

test('whoever saw text unmasked to find names in it is a recipient, beside the processor that saw it masked', () => {
  const other = { ...OWN, entity: 'Other IT' }
  const events = [
    call('2026-03-01', OWN, 'intent'),
    call('2026-03-02', OWN),
    call('2026-03-03', OWN, 'outcome_unknown'),
    call('2026-03-04', other),
    call('2026-03-05', null),
  ]
  expect(recipientsOf(events, register)).toMatchObject([
    { kind: 'processor', processor: 'openai', calls: 4, from: '2026-03-02T12:00:00.000Z', to: '2026-03-05T12:00:00.000Z' },
    { kind: 'recogniser' },
    { kind: 'recogniser' },
  ])
  const times = (from: string, to: string) => ({ from: `${from}T12:00:00.000Z`, to: `${to}T12:00:00.000Z` })
  expect(recognisersIn(events)).toEqual([
    { kind: 'recogniser', legal_entity: 'Own IT', endpoint: OWN.endpoint, calls: 2, ...times('2026-03-02', '2026-03-03') },
    { kind: 'recogniser', legal_entity: 'Other IT', endpoint: OWN.endpoint, calls: 1, ...times('2026-03-04', '2026-03-04') },
  ])
})

test('a call that was refused after its text had been masked shows it to the recogniser alone; one that nobody masked, to nobody', () => {
  expect(recipientsOf([call('2026-03-02', OWN, 'refused')], register)).toMatchObject([{ kind: 'recogniser', calls: 1 }])
  expect(recipientsOf([call('2026-03-02', null, 'refused'), { ...FULL_EVENT, phase: 'refused', minimisation: null }], register)).toEqual([])
  expect(recognisersIn([call('2026-03-02', OWN, 'intent')])).toEqual([])
})
