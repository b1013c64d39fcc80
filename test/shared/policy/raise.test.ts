import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DataClass, Sensitivity } from '../../../shared/contracts/document.ts'
import { raise } from '../../../shared/policy/raise.ts'

const classes = fc.uniqueArray(fc.constantFrom(...DataClass.options), { minLength: 1 })
const sensitivity = fc.constantFrom(...Sensitivity.options)
const rank = (of: Sensitivity) => Sensitivity.options.indexOf(of)

test('what is found is added, and nothing that was declared is ever taken back', () => {
  fc.assert(
    fc.property(classes, sensitivity, fc.array(fc.constantFrom(...DataClass.options)), (data_classes, declared, found) => {
      const raised = raise({ data_classes, sensitivity: declared }, found)
      for (const dataClass of [...data_classes, ...found]) {
        if (dataClass !== 'none') expect(raised.data_classes).toContain(dataClass)
      }
      expect(rank(raised.sensitivity)).toBeGreaterThanOrEqual(rank(declared))
      expect(raised.data_classes.length).toBeGreaterThan(0)
      expect(new Set(raised.data_classes).size).toBe(raised.data_classes.length)
    }),
  )
})

test('finding nothing new changes nothing', () => {
  expect(raise({ data_classes: ['none'], sensitivity: 'public' }, ['none'])).toEqual({ data_classes: ['none'], sensitivity: 'public' })
  expect(raise({ data_classes: ['personal'], sensitivity: 'public' }, ['personal'])).toEqual({
    data_classes: ['personal'],
    sensitivity: 'public',
  })
})

test.each([
  ['personal', 'internal'],
  ['special', 'confidential'],
  ['criminal', 'confidential'],
] as const)('public data in which %s data is found becomes %s at least', (found, least) => {
  expect(raise({ data_classes: ['none'], sensitivity: 'public' }, [found])).toEqual({ data_classes: [found], sensitivity: least })
})
