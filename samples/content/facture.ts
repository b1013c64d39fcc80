import { amount, type Item, lineCents, sum } from '../amount.ts'
import { heading, pairs, paragraph, table, totals } from '../blocks.ts'
import { createPaper, type Paper } from '../paper.ts'

const ITEMS: readonly Item[] = [
  { text: 'Rayonnage mural en chêne massif, 2,40 m × 1,10 m, finition huilée', quantity: 6, unit: 'pièces', unitCents: 68400 },
  { text: 'Présentoir central à roulettes, quatre faces, freins intégrés', quantity: 2, unit: 'pièces', unitCents: 91500 },
  { text: "Comptoir d'accueil avec passage de câbles et tiroir-caisse", quantity: 1, unit: 'pièce', unitCents: 226000 },
  { text: "Plan d'aménagement et relevé des cotes sur place", quantity: 8, unit: 'heures', unitCents: 7200 },
  { text: 'Livraison et pose sur site, deux compagnons', quantity: 14, unit: 'heures', unitCents: 5850 },
  { text: 'Remise commerciale de 5 % sur les postes 1 à 3', quantity: 1, unit: 'forfait', unitCents: -40970 },
]

/** A French invoice with the statements that the Code de commerce asks for (art. L441-9 and L441-10). */
export function renderFacture(): Promise<Uint8Array> {
  const paper = createPaper({
    title: 'Facture 2026-088',
    author: 'Ateliers Brumeval SAS',
    language: 'fr-FR',
    madeAt: new Date('2026-07-03T08:10:00Z'),
    family: 'sans',
    sizePt: 9.5,
    accent: '#7a2e3a',
    runningHead: 'Ateliers Brumeval SAS · Facture n° 2026-088 du 03/07/2026',
    foot: [
      ['Ateliers Brumeval SAS au capital de 48 000 €', '27 rue des Verriers-Imaginaires, 69003 Lyon', 'RCS Lyon 990 310 443'],
      ['Tél. : 04 65 71 20 88', 'Courriel : compta@brumeval.example', 'www.brumeval.example'],
      ['SIRET : 990 310 443 00017', 'TVA intracommunautaire : FR15990310443', 'Code APE : 31.01Z'],
    ],
    pageLabel: (number, count) => `Page ${number} sur ${count}`,
  })
  letterhead(paper)
  addresses(paper)
  body(paper)
  conditions(paper)
  return paper.finish()
}

function letterhead(paper: Paper): void {
  for (const [index, height] of [26, 18, 22, 14].entries()) paper.box(paper.left + index * 8, 68 - height, 6, height, paper.accent)
  paper.put('Ateliers Brumeval SAS', paper.left + 44, 40, { weight: 'bold', sizePt: 16, color: paper.accent })
  paper.put('Menuiserie et agencement de librairies', paper.left + 44, 59, { sizePt: 9, color: '#666666' })
  paper.put('FACTURE', paper.left + paper.width, 42, { weight: 'bold', sizePt: 20, color: '#444444' }, 'right')
  paper.rule(82, paper.accent)
}

function addresses(paper: Paper): void {
  paper.y = 104
  pairs(
    paper,
    [
      ['Facture n° :', '2026-088'],
      ["Date d'émission :", '03/07/2026'],
      ['Date de livraison :', '26/06/2026'],
      ["Date d'échéance :", '02/08/2026'],
      ['Référence client :', 'LVP-0311'],
      ['Devis accepté :', 'D-2026-041 du 14/04/2026'],
    ],
    paper.left,
    92,
  )
  const recipient = [
    'Facturé à :',
    'Librairie du Vieux Phare SARL',
    'Madame Clémence Ronsard-Ollivier',
    '5 quai des Goélands',
    '44000 Nantes',
    'N° TVA du client : FR36990310450',
  ]
  for (const [index, line] of recipient.entries())
    paper.put(
      line,
      paper.left + 262,
      104 + index * 14,
      index === 0 ? { sizePt: 8, color: '#555555' } : { weight: index === 1 ? 'bold' : 'regular' },
    )
  paper.y = 204
}

function body(paper: Paper): void {
  const { netCents, taxCents, grossCents } = sum(ITEMS, 20)
  paragraph(paper, "Objet : agencement de l'espace jeunesse et du comptoir d'accueil, 5 quai des Goélands, Nantes.", { weight: 'bold' })
  paper.y += 8
  table(
    paper,
    [
      { title: 'N°', width: 28 },
      { title: 'Désignation', width: 221 },
      { title: 'Quantité', width: 72, align: 'right' },
      { title: 'Prix unit. HT', width: 74, align: 'right' },
      { title: 'Montant HT', width: 76.28, align: 'right' },
    ],
    ITEMS.map((item, index) => [
      String(index + 1),
      item.text,
      `${item.quantity} ${item.unit}`,
      `${amount(item.unitCents, 'fr')} €`,
      `${amount(lineCents(item), 'fr')} €`,
    ]),
  )
  totals(paper, [
    ['Total HT :', `${amount(netCents, 'fr')} €`],
    ['TVA 20 % :', `${amount(taxCents, 'fr')} €`],
    ['Total TTC :', `${amount(grossCents, 'fr')} €`],
  ])
}

function conditions(paper: Paper): void {
  heading(paper, 'Règlement')
  paragraph(
    paper,
    'Paiement à 30 jours par virement bancaire, au plus tard le 02/08/2026. Aucun escompte n’est accordé pour paiement anticipé. ' +
      'Merci de rappeler le numéro de la facture dans le libellé du virement.',
  )
  pairs(
    paper,
    [
      ['Titulaire :', 'Ateliers Brumeval SAS'],
      ['IBAN :', 'FR76 9000 1007 9400 0123 4567 886'],
      ['Banque :', 'Caisse des Quatre Rivières'],
    ],
    paper.left,
    92,
  )
  heading(paper, 'Conditions')
  paragraph(
    paper,
    'En cas de retard, des pénalités au taux annuel de 11,50 % sont exigibles sans rappel, ' +
      'ainsi qu’une indemnité forfaitaire de 40 € pour frais de recouvrement. ' +
      'Les meubles restent la propriété des Ateliers Brumeval jusqu’au paiement intégral du prix.',
  )
  paragraph(
    paper,
    'Garantie : les rayonnages et le comptoir sont garantis cinq ans contre tout défaut de fabrication ; ' +
      'les roulettes et les freins du présentoir sont garantis deux ans. ' +
      'La pose a été réceptionnée sans réserve le 26/06/2026 par Madame Ronsard-Ollivier.',
  )
}
