import type { z } from 'zod'
import type { configSchema } from './schema.ts'

/** A named part of the configuration: `train with fast`. */
export interface NamedConfig {
  /** What it is for, in one sentence. */
  description: string
  values: z.input<typeof configSchema>
}

/** Each lists its differences from the defaults. Later words on the command line, and every key=value, override it. */
export const NAMED_CONFIGS: Readonly<Record<string, NamedConfig>> = {
  fast: {
    description: 'A quick first result: half the widths (a quarter of the work), 30 epochs that end at the lowest rate',
    values: {
      model: { channels: [8, 16, 32, 64, 128] },
      training: { num_epochs: 30, learning_rate: 1e-3, warmup_epochs: 2, early_stopping_patience: 10 },
      optimizer: { lr_restart_period: 30 },
    },
  },
  strong: {
    description:
      'The best model from a short run: half the widths, masks that start empty, one fall of the rate, averaged weights',
    values: {
      model: { channels: [8, 16, 32, 64, 128], mask_prior: 0.01 },
      training: {
        num_epochs: 30,
        learning_rate: 3e-3,
        warmup_epochs: 0.5,
        gradient_accumulation_steps: 1,
        // the last epochs, at the lowest rates, are the best
        early_stopping_patience: 1000,
      },
      optimizer: { lr_scheduler: 'cosine_over_run', ema_decay: 0.99 },
      checkpoint: { monitor: 'hard_dice' },
    },
  },
  accurate: {
    description:
      'The best model if time permits: 300 epochs with one slow decay of the rate, stronger augmentation, selected by hard Dice',
    values: {
      training: { num_epochs: 300, learning_rate: 3e-4, warmup_epochs: 10, early_stopping_patience: 60 },
      augmentation: { rotation_degrees: 10, intensity_scale_range: [0.9, 1.1] },
      optimizer: { lr_restart_period: 300 },
      checkpoint: { monitor: 'hard_dice' },
    },
  },
  debug: {
    description:
      'To check that everything runs: two epochs of a narrow model, a checkpoint and pictures each, no threads, no kernel tuning',
    values: {
      model: { channels: [4, 8, 16, 32, 64] },
      training: {
        num_epochs: 2,
        batch_size: 2,
        gradient_accumulation_steps: 1,
        warmup_epochs: 0,
        num_workers: 0,
      },
      // separate from the models of real runs
      checkpoint: { save_dir: './checkpoints/debug', save_frequency: 1 },
      logging: { num_visualization_samples: 1 },
      compute: { autotune: 'off' },
    },
  },
  low_memory: {
    description:
      'For a small GPU: one sample at a time, updates of 8 samples as by default (compute.precision=f16 halves memory again)',
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
    description: 'For a large GPU: all 8 samples of an update in one pass, more loader threads, rarer clean-up',
    values: {
      training: { batch_size: 8, gradient_accumulation_steps: 1, num_workers: 8, memory_cleanup_frequency: 50 },
    },
  },
  research: {
    description:
      'For publication: 500 epochs, complete histories, a checkpoint every 5, more pictures, kernels not chosen by the cache',
    values: {
      training: { num_epochs: 500, early_stopping_patience: 50, max_history_length: 500 },
      checkpoint: { save_frequency: 5 },
      logging: { num_visualization_samples: 8 },
      compute: { autotune: 'off' },
    },
  },
}
