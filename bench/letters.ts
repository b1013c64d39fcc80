/** Letters as businesses write them, in the languages of Europe, for what reads text. They say the same at every run. */
export interface Letter {
  language: string
  pages: readonly string[]
  /** How much of it is personal, names apart. */
  planted: number
}

interface Form {
  language: string
  head: (number: number) => string
  /** Of the head. */
  planted: number
  body: readonly ((number: number) => string)[]
}

const PAGE_PARAGRAPHS = 10

/** `pages` pages of some 3,000 characters: each has the sender's head, as printed letters do, and running text with amounts, dates and numbers of files. */
export function makeLetter(number: number, pages: number): Letter {
  const form = FORMS[number % FORMS.length]
  if (!form) throw new Error('there is a form')
  const text = Array.from({ length: pages }, (_, page) => {
    const paragraphs = Array.from(
      { length: PAGE_PARAGRAPHS },
      (_, index) => form.body[(index + page) % form.body.length]?.(number * 31 + page * 7 + index) ?? '',
    )
    return [form.head(number), ...paragraphs].join('\n\n')
  })
  return { language: form.language, pages: text, planted: form.planted * pages }
}

const amount = (number: number) => `${1 + (number % 9)}.${String(100 + ((number * 37) % 900))},${String(10 + (number % 90))}`
const date = (number: number) => `${String(1 + (number % 28)).padStart(2, '0')}.${String(1 + (number % 12)).padStart(2, '0')}.2026`

const FORMS: readonly Form[] = [
  {
    language: 'de',
    planted: 6,
    head: (number) =>
      `Muster Maschinenbau GmbH, Werkstraße ${1 + (number % 300)}, 10115 Berlin\nTelefon 030 23125${100 + (number % 900)}, service${number}@muster.example, USt-IdNr. DE136695976\nIBAN DE89 3704 0044 0532 0130 00`,
    body: [
      (number) =>
        `Vielen Dank für Ihre Bestellung Nr. ${20_260_000 + number} vom ${date(number)}. Die Lieferung umfasst ${3 + (number % 40)} Stück zum Preis von ${amount(number)} EUR und erfolgt frei Haus, sofern im Einzelfall nichts anderes vereinbart wurde.`,
      () =>
        'Die Ware bleibt bis zur vollständigen Bezahlung unser Eigentum. Der Auftraggeber ist verpflichtet, uns unverzüglich zu unterrichten, wenn Dritte auf die Vorbehaltsware zugreifen, und trägt alle Kosten, die zur Aufhebung des Zugriffs aufgewendet werden müssen.',
      (number) =>
        `Zahlbar innerhalb von 30 Tagen ohne Abzug; bei Zahlung bis zum ${date(number + 5)} gewähren wir 2 % Skonto. Gerät der Käufer in Verzug, so gelten die gesetzlichen Zinsen in Höhe von 9 Prozentpunkten über dem Basiszinssatz.`,
      () =>
        'Für Mängel, die bei der Übergabe vorhanden waren, leisten wir nach unserer Wahl Nacherfüllung oder Ersatz. Weitergehende Ansprüche bestehen nur, wenn eine Garantie übernommen wurde oder uns Vorsatz oder grobe Fahrlässigkeit zur Last fällt.',
    ],
  },
  {
    language: 'en',
    planted: 5,
    head: (number) =>
      `Sample Engineering Ltd, ${1 + (number % 300)} High Street, London NW1 6XE\nPhone 020 7946 0${100 + (number % 900)}, desk${number}@sample.example, VAT no. GB980780684`,
    body: [
      (number) =>
        `Thank you for your order ${20_260_000 + number} of ${date(number)}. The goods, ${3 + (number % 40)} units at ${1 + (number % 9)},${100 + (number % 900)}.00 each, will be shipped within ten working days unless we hear from you before that.`,
      () =>
        'This agreement is governed by the law of England and Wales, and the parties submit to the exclusive jurisdiction of its courts. No failure to exercise a right under it shall be taken as a waiver of that right or of any other.',
      (number) =>
        `Section 4.2.${1 + (number % 9)} sets out the service levels: an incident of priority 1 is answered within 30 minutes, one of priority 2 within 4 hours, and the availability of the service over a month is 99.${number % 10} %.`,
      () =>
        'Either party may end the contract by giving three months notice in writing to the end of a calendar quarter. The right of both parties to end it at once for good cause remains unaffected by this clause.',
    ],
  },
  {
    language: 'fr',
    planted: 6,
    head: (number) =>
      `Exemple SARL, ${1 + (number % 300)} rue de la Paix, 75002 Paris\nTél. 01 23 45 ${10 + (number % 90)} 89, contact${number}@exemple.example, TVA FR 40 303265045\nIBAN FR14 2004 1010 0505 0001 3M02 606`,
    body: [
      (number) =>
        `Nous vous remercions de votre commande n° ${20_260_000 + number} du ${date(number)}, d'un montant de ${amount(number)} €, que nous avons bien enregistrée et dont la livraison est prévue sous dix jours ouvrés à l'adresse convenue.`,
      () =>
        "Le présent contrat est conclu pour une durée d'un an, renouvelable par tacite reconduction, sauf dénonciation par l'une des parties au moins trois mois avant son terme par lettre recommandée avec accusé de réception.",
      (number) =>
        `En cas de retard de paiement, des pénalités au taux de ${3 + (number % 7)} % seront appliquées de plein droit, ainsi qu'une indemnité forfaitaire de 40 € pour frais de recouvrement, sans qu'un rappel soit nécessaire.`,
    ],
  },
  {
    language: 'es',
    planted: 5,
    head: (number) =>
      `Ejemplo S.L., Calle Mayor ${1 + (number % 300)}, 28013 Madrid\nTel. 912 345 ${100 + (number % 900)}, info${number}@ejemplo.example, CIF A13585625`,
    body: [
      (number) =>
        `Le agradecemos su pedido número ${20_260_000 + number} de fecha ${date(number)} por importe de ${amount(number)} €, que será entregado en un plazo de diez días laborables a partir de la recepción de esta carta.`,
      () =>
        'El presente contrato se rige por la legislación española, y ambas partes se someten, con renuncia expresa a cualquier otro fuero que pudiera corresponderles, a los juzgados y tribunales de la capital.',
    ],
  },
  {
    language: 'it',
    planted: 5,
    head: (number) =>
      `Esempio S.r.l., Via Giuseppe Garibaldi ${1 + (number % 300)}, 00185 Roma\nTel. 06 6982 ${1000 + (number % 900)}, info${number}@esempio.example, P. IVA 00743110157`,
    body: [
      (number) =>
        `La ringraziamo per l'ordine n. ${20_260_000 + number} del ${date(number)}, per un importo complessivo di ${amount(number)} €, che sarà consegnato entro dieci giorni lavorativi presso la sede indicata.`,
      () =>
        'Il contratto si intende tacitamente rinnovato per un ulteriore anno, salvo disdetta da comunicarsi con lettera raccomandata almeno tre mesi prima della scadenza da una delle parti contraenti.',
    ],
  },
  {
    language: 'nl',
    planted: 5,
    head: (number) =>
      `Voorbeeld B.V., Keizersgracht ${1 + (number % 300)}, 1015 CJ Amsterdam\nTelefoon 020 624 ${1000 + (number % 900)}, info${number}@voorbeeld.example, btw-nr. NL004495445B01`,
    body: [
      (number) =>
        `Hartelijk dank voor uw bestelling ${20_260_000 + number} van ${date(number)} ter waarde van ${amount(number)} euro, die binnen tien werkdagen op het afgesproken adres wordt afgeleverd.`,
      () =>
        'Deze overeenkomst wordt aangegaan voor de duur van een jaar en wordt telkens stilzwijgend met een jaar verlengd, tenzij een van de partijen haar ten minste drie maanden voor het einde schriftelijk opzegt.',
    ],
  },
  {
    language: 'pl',
    planted: 5,
    head: (number) =>
      `Przykład sp. z o.o., ul. Marszałkowska ${1 + (number % 300)}, 00-590 Warszawa\nTelefon 22 123 ${10 + (number % 90)} 67, biuro${number}@przyklad.example, NIP 123-456-32-18`,
    body: [
      (number) =>
        `Dziękujemy za zamówienie nr ${20_260_000 + number} z dnia ${date(number)} na kwotę ${amount(number)} zł, które zostanie dostarczone w ciągu dziesięciu dni roboczych pod uzgodniony adres.`,
      () =>
        'Umowa zostaje zawarta na czas jednego roku i ulega przedłużeniu na kolejny rok, jeżeli żadna ze stron nie wypowie jej na piśmie co najmniej na trzy miesiące przed upływem tego okresu.',
    ],
  },
]
