import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { createOutput } from '../../../services/cli/output.ts'
import { printRecord } from '../../../services/cli/print/record.ts'
import { alignRows } from '../../../services/cli/print/table.ts'
import { bytesText, clean, secondsText } from '../../../services/cli/print/text.ts'
import { createProgressBoard } from '../../../services/cli/progress.ts'
import { DocumentRecord } from '../../../shared/contracts/record.ts'
import { FULL_EVENT } from '../../support/full-event.ts'

describe('text for a terminal', () => {
  test('clean leaves no escape sequence, control character or reordering', () => {
    expect(clean('a\u001b[31mb\u001b[0m\u0000\u009b\r\n\tc\u202ed')).toBe('ab cd')
  })

  test('sizes and durations are read at a glance', () => {
    expect([0, 999, 1_000, 12_345, 999_999_999, 5e12].map(bytesText)).toEqual(['0 B', '999 B', '1.0 kB', '12 kB', '1000 MB', '5000 GB'])
    expect([0.04, 59.9, 61, 3_600].map(secondsText)).toEqual(['0.0 s', '59.9 s', '1 min 1 s', '60 min 0 s'])
  })

  test('columns line up, numbers to the right, and no line ends in spaces', () => {
    expect(alignRows([['Größe', '1'], ['x', '1000'], ['']], ['left', 'right'])).toEqual(['Größe     1', 'x      1000', ''])
  })
})

describe('a record', () => {
  const masked = { before: { name: 1 }, after: { name: 0 }, method: 'placeholders' }
  const server = { endpoint: 'http://10.0.0.7:5002', entity: 'Foxglove Ltd' }

  test('names who was shown the text of a call to mask its names, and of an older event nobody', () => {
    expect(lineOf({ ...masked, recogniser: server })).toContain('mistral / m, names masked by Foxglove Ltd at http://10.0.0.7:5002')
    for (const minimisation of [{ ...masked, recogniser: null }, masked, null])
      expect(lineOf(minimisation)).toMatch(/completed +test +mistral \/ m$/)
  })

  test('that is longer than an answer says so, and where all of it is', () => {
    const printed = (complete: boolean) => {
      const { stream, drawn } = terminal(40)
      printRecord(createOutput(stream, stream, false), { document_id: FULL_EVENT.event_id, events: [FULL_EVENT], complete })
      return drawn()
    }
    expect(printed(false)).toContain(`greffier records --document ${FULL_EVENT.event_id} --format jsonl`)
    expect(printed(true)).not.toContain('left out')
  })

  /** Of an event with this minimisation, as it was stored. */
  function lineOf(minimisation: unknown): string {
    const id = '01890000-0000-7000-8000-000000000001'
    const nothing = { content_commit: null, parent_events: [], sensitivity: null, special: null, criminal: null, provenance: null }
    const event = {
      ...nothing,
      schema: 'greffier.event/1',
      event_id: id,
      time: '2026-11-22T16:34:27.123Z',
      controller_ref: id,
      role: 'controller',
      doc_ref: id,
      revision: 1,
      operation: 'Infer',
      step: 'enrich',
      purpose: 'test',
      recipient: { processor: 'mistral', endpoint: 'https://model.example', region: 'eu', register_hash: 'h' },
      policy: null,
      model: {
        task: 'extract',
        requested: 'm',
        returned: null,
        language_model: true,
        tokens_in: 1,
        tokens_out: 1,
        provider_request_id: null,
        cost: null,
      },
      minimisation,
      ai_generated: true,
      hits: [],
      stores: [],
      phase: 'completed',
      result: 'ok',
      error_code: null,
      duration_ms: 1,
    }
    const { stream, drawn } = terminal(40)
    printRecord(createOutput(stream, stream, false), DocumentRecord.parse({ document_id: id, events: [event], complete: true }))
    return drawn().trimEnd().split('\n').at(-1) ?? ''
  }
})

describe('progress', () => {
  test('draws one bar per document on a terminal, and gives the cursor back', async () => {
    const { stream, drawn } = terminal(40)
    const board = createProgressBoard(stream, 2)
    const [one, two] = [board.add('one.pdf'), board.add('two.pdf')]
    one.update(50, 'enrich')
    two.finish('completed in 1.0 s')
    board.stop()
    expect(drawn()).toMatch(/one\.pdf +━+─+ +50 % enrich/)
    expect(drawn()).toMatch(/two\.pdf +━+ +100 % completed in 1\.0 s/)
    expect(drawn().lastIndexOf('\u001b[?25h')).toBeGreaterThan(drawn().lastIndexOf('\u001b[?25l'))
  })

  test('more documents than the terminal has rows are plain lines', () => {
    const { stream, drawn } = terminal(10)
    createProgressBoard(stream, 50).add('one.pdf').finish('completed')
    expect(drawn()).toBe('one.pdf: completed\n')
  })
})

function terminal(rows: number) {
  const parts: string[] = []
  const stream = Object.assign(new PassThrough(), { isTTY: true, rows, columns: 100 })
  stream.setEncoding('utf8').on('data', (text: string) => parts.push(text))
  return { stream, drawn: () => parts.join('') }
}
