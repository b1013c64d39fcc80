import { ACTA } from './content/acta.ts'
import { creditnota } from './content/creditnota.ts'
import { renderFacture } from './content/facture.ts'
import { invoiceEn } from './content/invoice-en.ts'
import { renderKontoauszug } from './content/kontoauszug.ts'
import { renderLettreRh } from './content/lettre-rh.ts'
import { renderRechnung } from './content/rechnung.ts'
import { SECURITY_POLICY } from './content/security-policy.ts'
import { renderServiceAgreement } from './content/service-agreement.ts'
import { SUPPORT_MANUAL } from './content/support-manual.ts'
import { URLAUBSREGELUNG } from './content/urlaubsregelung.ts'
import { WARTUNGSVERTRAG } from './content/wartungsvertrag.ts'

const RENDERERS: Readonly<Record<string, () => string | Promise<Uint8Array>>> = {
  'acta-2026-05.txt': () => ACTA,
  'creditnota-2026-0031.txt': creditnota,
  'facture-fr-2026-088.pdf': renderFacture,
  'information-security-policy.html': () => SECURITY_POLICY,
  'invoice-2026-0173.pdf': renderRechnung,
  'invoice-en-2026-4417.html': invoiceEn,
  'kontoauszug-2026-10.pdf': renderKontoauszug,
  'lettre-rh-2026-117.pdf': renderLettreRh,
  'service-agreement.pdf': renderServiceAgreement,
  'support-manual.md': () => SUPPORT_MANUAL,
  'urlaubsregelung.md': () => URLAUBSREGELUNG,
  'wartungsvertrag.md': () => WARTUNGSVERTRAG,
}

/** Every sample by file name. No clock, no locale data, no network: the same sources give the same bytes. */
export async function renderSamples(): Promise<Map<string, Uint8Array>> {
  const rendered = new Map<string, Uint8Array>()
  for (const [file, render] of Object.entries(RENDERERS)) {
    const content = await render()
    rendered.set(file, typeof content === 'string' ? Buffer.from(content, 'utf8') : content)
  }
  return rendered
}
