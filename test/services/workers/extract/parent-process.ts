// A parent to be killed: it keeps two children waiting and one busy for many seconds.
import { Readable } from 'node:stream'
import { createExtractor } from '../../../../services/workers/extract/extractor.ts'
import { busyHtml } from '../../../fixtures/html.ts'

const extractor = createExtractor({ wallClockMs: 60_000, textCharactersMax: 1_000_000, pagesMax: 10, warm: 2 })
await extractor.extract(Readable.from([busyHtml()]), 'text/html', new AbortController().signal)
