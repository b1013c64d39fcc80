// The model double in a process of its own, as slow and as narrow as it is told: `limit` sets both, `load` says what was in flight.
import type { Load } from '../test/support/mistral-double/meter.ts'
import { startModelDouble } from '../test/support/model-double.ts'
import { answerMessages } from './answer.ts'

export type ModelRequest = { kind: 'limit'; answerAfterMs: number; atOnce: number } | { kind: 'reset' } | { kind: 'load' }
export interface ModelLoad extends Load {
  baseUrl: string
}

const double = await startModelDouble({ keepRequests: false })
process.once('SIGTERM', () => void double.close().then(() => process.exit()))

answerMessages<ModelRequest, ModelLoad>(async (request) => {
  if (request.kind === 'limit') {
    double.answerAfterMs(request.answerAfterMs)
    double.allowAtOnce(request.atOnce)
  }
  if (request.kind === 'reset') double.resetLoad()
  return { ...double.load(), baseUrl: double.baseUrl }
})
