import type { ModelCard } from '../../src/models/card.ts'

/** A card with something in every field. */
export const card: ModelCard = {
  title: 'Abdominal organs in CT',
  data: '12 scans of nobody',
  licence: 'CC-BY-SA 4.0',
  training: '2 epochs',
  intended_use: 'tests',
  limits: ['everything'],
  validation: { method: '2 folds', subjects: 12, dice: { liver: 0.9, 'Niere, größer': 0.8 }, mean_dice: 0.85 },
}
