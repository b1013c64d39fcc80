// The process that reads documents of one tenant, one after another (serve.ts). It runs sandboxed (../sandbox.ts).
import { loadFormats } from './formats.ts'
import { serve } from './serve.ts'

await serve(loadFormats)
