import { errorCode } from '../../../shared/contracts/errors.ts'
import { openTombstones } from '../../../shared/database/tombstones.ts'

/**
 * A process of its own for tombstones.test.ts: `limited-append.ts PATH TENANT_ID DOCUMENT_ID…`. Puts the documents on the list in one go and prints the
 * error code, or `listed`.
 */
const [path = '', tenant_id = '', ...ids] = process.argv.slice(2)
const outcome = await openTombstones(path)
  .append(ids.map((document_id) => ({ tenant_id, document_id })))
  .then(() => 'listed', errorCode)
process.stdout.write(`${outcome}\n`)
