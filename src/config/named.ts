import type { z } from 'zod'
import type { configSchema } from './schema.ts'

/** A part of the configuration that goes by a name: `train with fast`. */
export interface NamedConfig {
  /** One sentence: what it is for. */
  description: string
  values: z.input<typeof configSchema>
}

/** Every one is a difference to the defaults; what stands after it on the command line, and every key=value, wins over it. */
export const NAMED_CONFIGS: Readonly<Record<string, NamedConfig>> = {
  fast: {
    description: 'A first answer soon: half the widths (a quarter of the work), 30 epochs that end on the lowest rate',
    values: {
      model: { channels: [8, 16, 32, 64, 128] },
      training: { num_epochs: 30, learning_rate: 1e-3, warmup_epochs: 2, early_stopping_patience: 10 },
      optimizer: { lr_restart_period: 30 },
    },
  },
  accurate: {
    description:
      'The best model that time allows: 300 epochs of one slow fall of the rate, stronger augmentation, chosen by hard Dice',
    values: {
      training: { num_epochs: 300, learning_rate: 3e-4, warmup_epochs: 10, early_stopping_patience: 60 },
      augmentation: { rotation_degrees: 10, intensity_scale_range: [0.9, 1.1] },
      optimizer: { lr_restart_period: 300 },
      checkpoint: { monitor: 'hard_dice' },
    },
  },
  debug: {
    description:
      'Does everything run? Two epochs of a narrow model, a checkpoint and pictures each, no threads, nothing measured',
    values: {
      model: { channels: [4, 8, 16, 32, 64] },
      training: {
        num_epochs: 2,
        batch_size: 2,
        gradient_accumulation_steps: 1,
        warmup_epochs: 0,
        num_workers: 0,
      },
      // away from the models of real runs
      checkpoint: { save_dir: './checkpoints/debug', save_frequency: 1 },
      logging: { num_visualization_samples: 1 },
      compute: { autotune: 'off' },
    },
  },
  low_memory: {
    description:
      'For a small GPU: one sample at a time, updates of 8 samples as by default (compute.precision=f16 halves it again)',
    values: {
      training: {
        batch_size: 1,
        gradient_accumulation_steps: 8,
        num_workers: 1,
        pin_memory: false,
        memory_cleanup_frequency: 2,
      },
    },
  },
  high_memory: {
    description: 'For a large GPU: the 8 samples of an update in one pass, more loader threads, rarer clean-up',
    values: {
      training: { batch_size: 8, gradient_accumulation_steps: 1, num_workers: 8, memory_cleanup_frequency: 50 },
    },
  },
  research: {
    description:
      'A run to report: 500 epochs, whole histories, a checkpoint every 5, more pictures, kernels that no cache chooses',
    values: {
      training: { num_epochs: 500, early_stopping_patience: 50, max_history_length: 500 },
      checkpoint: { save_frequency: 5 },
      logging: { num_visualization_samples: 8 },
      compute: { autotune: 'off' },
    },
  },
}
