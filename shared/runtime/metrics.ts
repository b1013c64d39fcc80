import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Seconds; from a stage without work to the longest timeout. */
const STAGE_BUCKETS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180]

export interface Metrics {
  registry: Registry
  stageSeconds: Histogram<'stage' | 'outcome'>
  requestSeconds: Histogram<'route' | 'method' | 'status'>
  uploadedBytes: Counter
  /** What a provider last said is left of the minute. */
  providerRemaining: Gauge<'endpoint' | 'of'>
  /** By kind of place. Its age is `time() - greffier_checkpoint_success_timestamp_seconds`; 0: never. */
  checkpointSuccess: Gauge<'target'>
  checkpointsBehind: Gauge<'target'>
}

/** Prometheus metrics of one process. Labels are names from our own tables, never identifiers. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  return {
    registry,
    stageSeconds: new Histogram({
      name: 'greffier_stage_seconds',
      help: 'Wall clock of one start of a stage',
      labelNames: ['stage', 'outcome'],
      buckets: STAGE_BUCKETS,
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'greffier_http_request_seconds',
      help: 'Wall clock of a request',
      labelNames: ['route', 'method', 'status'],
      buckets: STAGE_BUCKETS,
      registers,
    }),
    uploadedBytes: new Counter({ name: 'greffier_uploaded_bytes_total', help: 'Plain bytes of accepted documents', registers }),
    providerRemaining: new Gauge({
      name: 'greffier_provider_remaining',
      help: 'Requests and tokens that a model provider last said are left of the minute',
      labelNames: ['endpoint', 'of'],
      registers,
    }),
    checkpointSuccess: new Gauge({
      name: 'greffier_checkpoint_success_timestamp_seconds',
      help: 'When a place outside last took a checkpoint, in seconds since 1970; 0: never',
      labelNames: ['target'],
      registers,
    }),
    checkpointsBehind: new Gauge({
      name: 'greffier_checkpoint_logs_behind',
      help: 'Logs that have grown since a place outside last took their checkpoint, up to 1000',
      labelNames: ['target'],
      registers,
    }),
  }
}
