// A parent to be killed: it keeps two children waiting, one that has read a document, and one busy for many seconds.
import { Readable } from 'node:stream'
import { createExtractor, EXTRACT_LIMITS } from '../../../../services/workers/extract/extractor.ts'
import { busyHtml } from '../../../fixtures/html.ts'

const extractor = createExtractor({ ...EXTRACT_LIMITS, warm: 2 })
await read('tenant-a', 'read quickly')
await read('tenant-b', busyHtml())

function read(tenantId: string, html: string) {
  const open = async () => Readable.from([html])
  return open().then((source) =>
    extractor.extract(source, { tenantId, mediaType: 'text/html', reopen: open }, new AbortController().signal),
  )
}
