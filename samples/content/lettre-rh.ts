import { heading, pairs, paragraph, table } from '../blocks.ts'
import { createPaper, type Paper } from '../paper.ts'

/** A French letter to an employee about her pay: confidential, with the old and the new terms side by side. */
export function renderLettreRh(): Promise<Uint8Array> {
  const paper = createPaper({
    title: 'Révision de votre rémunération',
    author: 'Ateliers Brumeval SAS, Ressources humaines',
    language: 'fr-FR',
    madeAt: new Date('2026-03-04T09:00:00Z'),
    family: 'serif',
    sizePt: 11,
    accent: '#7a2e3a',
    runningHead: 'Ateliers Brumeval SAS · Révision de votre rémunération',
    foot: [
      ['Ateliers Brumeval SAS au capital de 48 000 €', '27 rue des Verriers-Imaginaires, 69003 Lyon'],
      ['SIRET : 990 310 443 00017', 'RCS Lyon 990 310 443'],
      ['Ressources humaines', 'Tél. : 04 65 71 20 94'],
    ],
    pageLabel: (number, count) => `Page ${number} sur ${count}`,
  })
  head(paper)
  body(paper)
  return paper.finish()
}

function head(paper: Paper): void {
  for (const [index, height] of [26, 18, 22, 14].entries()) paper.box(paper.left + index * 8, 68 - height, 6, height, paper.accent)
  paper.put('Ateliers Brumeval SAS', paper.left + 44, 40, { weight: 'bold', sizePt: 16, color: paper.accent })
  paper.put('Direction des ressources humaines', paper.left + 44, 59, { sizePt: 9, color: '#666666' })
  paper.put('CONFIDENTIEL', paper.left + paper.width, 44, { weight: 'bold', sizePt: 11, color: paper.accent }, 'right')
  paper.rule(82, paper.accent)
  paper.y = 100
  pairs(
    paper,
    [
      ['Date :', 'le 4 mars 2026'],
      ['Référence :', 'RH-2026-117'],
      ['Matricule :', 'AB-00582'],
      ['Remise :', 'en main propre contre décharge'],
    ],
    paper.left,
    66,
    { sizePt: 9.5 },
  )
  const recipient = ['Madame Apolline Verdanne', '12 allée des Tilleuls-Rêvés', '69008 Lyon']
  for (const [index, line] of recipient.entries())
    paper.put(line, paper.left + 280, 128 + index * 15, { weight: index === 0 ? 'bold' : 'regular' })
  paper.y = 192
}

function body(paper: Paper): void {
  paragraph(paper, 'Objet : révision de votre rémunération et changement de fonction', { weight: 'bold' })
  paper.y += 4
  paragraph(paper, 'Madame,')
  paragraph(
    paper,
    'À la suite de votre entretien annuel du 12 février 2026 avec Monsieur Gaspard Lhermier, nous avons le plaisir de vous confirmer ' +
      'votre nomination au poste de cheffe d’atelier adjointe. ' +
      'Votre salaire mensuel brut passe de 2 640,00 € à 2 860,00 €, avec effet au 1er avril 2026.',
  )
  table(
    paper,
    [
      { title: 'Élément', width: 161 },
      { title: 'Jusqu’au 31/03/2026', width: 150 },
      { title: 'À compter du 01/04/2026', width: 160.28 },
    ],
    [
      ['Fonction', 'Menuisière-agenceuse', 'Cheffe d’atelier adjointe'],
      ['Statut', 'Ouvrière qualifiée, niveau IV', 'Agente de maîtrise, niveau V'],
      ['Salaire mensuel brut', '2 640,00 €', '2 860,00 €'],
      ['Prime annuelle d’objectifs', '900,00 € au plus', '1 500,00 € au plus'],
      ['Temps de travail', '37 heures par semaine', '37 heures par semaine'],
      ['Jours de RTT', '12 jours par an', '12 jours par an'],
    ],
    { sizePt: 10 },
  )
  paragraph(
    paper,
    'Le treizième mois est maintenu et calculé sur le nouveau salaire de base. La prime d’objectifs est versée en janvier, ' +
      'après l’évaluation de l’année écoulée ; pour 2026 elle est due à proportion des neuf mois passés dans la nouvelle fonction.',
  )
  paragraph(
    paper,
    'Une période probatoire de deux mois s’applique à compter de la prise de fonction. Si elle n’était pas concluante, ' +
      'vous retrouveriez votre poste antérieur et la rémunération correspondante. ' +
      'Une formation à l’encadrement d’équipe, d’une durée de quatre jours, est prévue à Villeurbanne en mai 2026 ; elle est prise en charge par l’entreprise.',
  )
  heading(paper, 'Ce que nous attendons de vous')
  paragraph(
    paper,
    'Merci de nous retourner l’avenant ci-joint, daté et signé, au plus tard le 20 mars 2026. ' +
      'Sans réponse de votre part à cette date, la proposition sera réputée refusée et votre contrat se poursuivra sans changement. ' +
      'Pour toute question, Madame Hortense Quillivant se tient à votre disposition au 04 65 71 20 94 ou à l’adresse rh@brumeval.example.',
  )
  paragraph(paper, 'Nous vous remercions de la qualité de votre travail et vous prions d’agréer, Madame, nos salutations distinguées.')
  paper.need(64)
  paper.y += 26
  paper.put('Hortense Quillivant', paper.left + 280, paper.y, { weight: 'bold' })
  paper.put('Directrice des ressources humaines', paper.left + 280, paper.y + 15)
  paper.put('P. J. : avenant n° 3 au contrat de travail', paper.left, paper.y + 34, { sizePt: 9, color: '#555555' })
  paper.y += 48
}
