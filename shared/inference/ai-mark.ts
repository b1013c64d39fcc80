import { type AiMark, type DocumentAi, type Producer, type Producers, TRAINED_ALGORITHMIC_MEDIA } from '../contracts/ai-mark.ts'
import type { Task } from '../contracts/task.ts'
import { noticeOf } from './ai-notices.ts'
import { detectLanguage } from './builtin/language.ts'
import { modelStated } from './call-event.ts'
import type { GatewayResult } from './gateway.ts'

/** What made the result of a call. */
export function producerOf({ provider, facts }: Pick<GatewayResult<unknown>, 'provider' | 'facts'>, task: Task): Producer {
  return {
    processor: provider.processor,
    model: provider.models[task] ?? '',
    model_version: modelStated(facts),
    mark: provider.languageModel ? TRAINED_ALGORITHMIC_MEDIA : null,
  }
}

/** Of an answer (AI Act Art. 50(2)); `text` null: there is none, whoever was asked. The notice is in the answer's language, or the question's. */
export function markAnswer(question: string, text: string | null, producer: Producer | null): AiMark {
  const mark = text === null ? null : (producer?.mark ?? null)
  const notice = text === null ? 'no_answer' : mark === null ? 'quoted_answer' : 'model_answer'
  return {
    generated: mark !== null,
    mark,
    notice: noticeOf(notice, detectLanguage(text ?? question) ?? detectLanguage(question)),
    processor: producer?.processor ?? null,
    model: producer?.model ?? null,
    model_version: producer?.model_version ?? null,
  }
}

/** Of what was read from a document; `producers` null: nothing was, or (`isRead`) it was before this was kept, and then counts as generated. */
export function markDocument(producers: Producers | null, isRead: boolean, language: string | null): DocumentAi {
  const marks: Producer['mark'][] = producers
    ? [producers.classified_by.mark, producers.extracted_by.mark]
    : [isRead ? TRAINED_ALGORITHMIC_MEDIA : null]
  const mark = marks.find((one) => one !== null) ?? null
  const notice = mark !== null ? 'model_fields' : isRead ? 'rule_fields' : 'no_fields'
  return { generated: mark !== null, mark, notice: noticeOf(notice, language), classified_by: producers?.classified_by ?? null }
}

/**
 * Value of the response header `AI-Disclosure` (draft-abaris-aicdh, an individual Internet-Draft and no standard): a Dictionary of RFC 9651. The draft's
 * example parts its keys by semicolons, which makes parameters of them; its text makes them keys, which commas part.
 */
export function disclosureOf(generated: boolean, producer: Pick<AiMark, 'processor' | 'model' | 'model_version'> | null): string {
  if (!generated) return 'mode=none'
  const model = producer?.model_version ?? producer?.model
  const keys = ['mode=machine-generated']
  if (model) keys.push(`model=${sfString(model)}`)
  if (producer?.processor) keys.push(`provider=${sfString(producer.processor)}`)
  return keys.join(', ')
}

/** RFC 9651, 3.3.3: printable ASCII alone. */
function sfString(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`
}
