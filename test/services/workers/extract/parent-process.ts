// A parent to be killed: it keeps two children waiting and one busy for seconds, and says on standard output once the busy one has its document.
import { Readable } from 'node:stream'
import { createExtractor } from '../../../../services/workers/extract/extractor.ts'
import { busyPdf } from '../../../fixtures/pdf.ts'

const extractor = createExtractor({ wallClockMs: 60_000, textCharactersMax: 1_000_000, pagesMax: 10, warm: 2 })
const source = Readable.from([busyPdf()])
source.on('end', () => process.stdout.write('handed over\n'))
await extractor.extract(source, 'application/pdf', new AbortController().signal)
