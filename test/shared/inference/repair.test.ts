import { describe, expect, test } from 'vitest'
import { AppError } from '../../../shared/contracts/errors.ts'
import { askTwice, type Complaint } from '../../../shared/inference/repair.ts'

const FACTS = { endpoint: 'https://a.example', modelReturned: 'm', tokensIn: 10, tokensCached: 1, tokensOut: 5, requestId: 'r' }

/** Answers in turn; an error is thrown. */
function asking(answers: readonly unknown[]) {
  const complaints: (Complaint | null)[] = []
  const ask = async (complaint: Complaint | null) => {
    const answer = answers[complaints.length]
    complaints.push(complaint)
    if (answer instanceof Error) throw answer
    return { value: answer, facts: { ...FACTS, requestId: `r${complaints.length}` } }
  }
  return { ask, complaints }
}

function read(output: unknown): string {
  if (output !== 'good') throw new AppError('MODEL_OUTPUT_INVALID', 'at lines.0: not a list')
  return output
}

test('a good answer is asked for once', async () => {
  const { ask, complaints } = asking(['good'])
  expect(await askTwice(ask, read)).toEqual({ value: 'good', facts: { ...FACTS, requestId: 'r1' } })
  expect(complaints).toEqual([null])
})

test('one that is not what was asked for is asked for once more, with what was wrong, and both are counted', async () => {
  const { ask, complaints } = asking(['bad', 'good'])
  expect(await askTwice(ask, read)).toEqual({
    value: 'good',
    facts: { ...FACTS, tokensIn: 20, tokensCached: 2, tokensOut: 10, requestId: 'r2' },
  })
  expect(complaints).toEqual([null, { problem: 'at lines.0: not a list', written: '"bad"' }])
})

test('what is not JSON is asked for once more, without being repeated', async () => {
  const { ask, complaints } = asking([new AppError('MODEL_OUTPUT_INVALID', 'not JSON'), 'good'])
  expect((await askTwice(ask, read)).value).toBe('good')
  expect(complaints).toEqual([null, { problem: 'not JSON', written: null }])
})

test('a second bad answer is the failure, and there is no third', async () => {
  const { ask, complaints } = asking(['bad', 'worse', 'good'])
  await expect(askTwice(ask, read)).rejects.toMatchObject({ code: 'MODEL_OUTPUT_INVALID' })
  expect(complaints).toHaveLength(2)
})

describe('is not asked for again', () => {
  test.each([
    ['an answer that was cut by its length', new AppError('MODEL_OUTPUT_INVALID', 'finish_reason length')],
    ['what the model declined', new AppError('MODEL_REFUSED')],
    ['what nobody answered', new AppError('MODEL_UNAVAILABLE')],
    ['what is a fault of ours', new TypeError('x is not a function')],
  ])('%s', async (_, error) => {
    const { ask, complaints } = asking([error, 'good'])
    await expect(askTwice(ask, read)).rejects.toBe(error)
    expect(complaints).toHaveLength(1)
  })
})
