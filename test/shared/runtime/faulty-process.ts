// A process that passes the points that its arguments name, each as `<document id> <step>:<point>`, and prints each one that it got past.
import { readConfig } from '../../../shared/runtime/config.ts'
import { createFaultPoints, type FaultPoint } from '../../../shared/runtime/faults.ts'

const passPoint = createFaultPoints(readConfig().FAULT_AT)
for (const argument of process.argv.slice(2)) {
  const [documentId = '', point = ''] = argument.split(' ')
  passPoint(point as FaultPoint, documentId)
  process.stdout.write(`past ${argument}\n`)
}
process.stdout.write('end\n')
