import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { alignRows } from '../../../services/cli/print/table.ts'
import { bytesText, clean, secondsText } from '../../../services/cli/print/text.ts'
import { createProgressBoard } from '../../../services/cli/progress.ts'

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
