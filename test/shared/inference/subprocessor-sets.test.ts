import { expect, test } from 'vitest'
import { subprocessorSets } from '../../../shared/inference/subprocessor-sets.ts'
import { subprocessorSetHash } from '../../../shared/ledger/subprocessor-set.ts'
import type { ProcessorRegister } from '../../../shared/policy/register.ts'
import { loadRegister } from '../../../shared/runtime/policy-files.ts'

const { register } = loadRegister(new URL('../../../infra/processors.yaml', import.meta.url).pathname)
const [TODAY, TOMORROW] = ['2026-11-27', '2026-11-28']

test('the set of a processor is looked up once a day, however many calls there are', () => {
  let looked = 0
  const watched: ProcessorRegister = {
    ...register,
    get processors() {
      looked += 1
      return register.processors
    },
  }
  const setOf = subprocessorSets(watched)
  for (let call = 0; call < 100; call += 1)
    for (const key of ['mistral', 'builtin']) expect(setOf(key, TODAY)).toBe(subprocessorSetHash(register, key, TODAY))
  expect(looked).toBe(2)
  expect(setOf('mistral', TOMORROW)).toBe(subprocessorSetHash(register, 'mistral', TOMORROW))
  expect(looked).toBe(3)
})
