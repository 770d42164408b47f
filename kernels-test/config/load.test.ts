import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { differingKeys, leavesOf, loadConfig, toJson } from '../../src/config/load.ts'
import { configSchema, defaultConfig } from '../../src/config/schema.ts'
import { InputError } from '../../src/util/error.ts'

const folder = mkdtempSync(join(tmpdir(), 'config-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

function messageOf(load: () => unknown): string {
  try {
    load()
  } catch (error) {
    expect(error).toBeInstanceOf(InputError)
    return (error as Error).message
  }
  throw new Error('accepted')
}

const errorOf = (...overrides: string[]) => messageOf(() => loadConfig({ overrides }))

/** The documented defaults, key by key. */
const DOCUMENTED = {
  dataset_path: './synthetic_medical_dataset_hdf5',
  'model.in_channels': 1,
  'model.presence_threshold': 0.5,
  'model.channels': [16, 32, 64, 128, 256],
  'model.features': null,
  'model.mask_prior': null,
  'model.dropout': 0.2,
  'model.pretrained': null,
  'model.num_structures': null,
  'training.batch_size': 4,
  'training.image_size': null,
  'training.patch_size': null,
  'training.patch_foreground': 0.33,
  'training.patches_per_sample': 1,
  'training.learning_rate': 5e-4,
  'training.num_epochs': 100,
  'training.early_stopping_patience': 20,
  'training.gradient_clip_norm': 0.5,
  'training.num_workers': 2,
  'training.pin_memory': true,
  'training.warmup_epochs': 5,
  'training.validate_every_n_epochs': 1,
  'training.gradient_accumulation_steps': 2,
  'training.memory_cleanup_frequency': 5,
  'training.max_history_length': 50,
  'training.shuffle': true,
  'loss_weights.segmentation': 1,
  'loss_weights.dice': 2,
  'loss_weights.focal_seg': 1,
  'loss_weights.absence': 1,
  'loss_weights.attention_supervision': 0.5,
  'loss_weights.false_positive_suppression': 0.5,
  'loss_weights.confidence': 0.1,
  'augmentation.enabled': true,
  'augmentation.noise_std': 2,
  'augmentation.intensity_scale_range': [0.95, 1.05],
  'augmentation.rotation_degrees': 5,
  'augmentation.flip_probability': 0.3,
  'augmentation.flip_axes': [0],
  'augmentation.elastic_probability': 0,
  'augmentation.elastic_displacement': 8,
  'augmentation.elastic_spacing': 32,
  'augmentation.blur_probability': 0,
  'augmentation.blur_sigma_range': [0.5, 1.5],
  'augmentation.low_resolution_probability': 0,
  'augmentation.low_resolution_range': [1, 2],
  'augmentation.bias_field_probability': 0,
  'augmentation.bias_field_strength': 0.5,
  'augmentation.gamma_probability': 0,
  'augmentation.gamma_range': [0.7, 1.5],
  'optimizer.type': 'adamw',
  'optimizer.weight_decay': 1e-4,
  'optimizer.lr_scheduler': 'cosine_annealing',
  'optimizer.lr_min': 1e-6,
  'optimizer.lr_restart_period': 20,
  'optimizer.lr_factor': 0.5,
  'optimizer.lr_patience': 10,
  'optimizer.betas': [0.9, 0.999],
  'optimizer.eps': 1e-8,
  'optimizer.ema_decay': 0,
  'checkpoint.save_dir': './checkpoints',
  'checkpoint.save_frequency': 10,
  'checkpoint.keep_best_only': false,
  'checkpoint.monitor': 'total_loss',
  'checkpoint.save_minutes': 10,
  'logging.log_frequency': 1,
  'logging.visualize_predictions': true,
  'logging.num_visualization_samples': 3,
  compat: 'documented',
  'compute.adapter': null,
  'compute.autotune': 'cached',
  'compute.precision': 'f32',
  'compute.share_adapters': false,
  'compute.rank_timeout': 600,
  seed: 42,
}

describe('defaults', () => {
  test('are the documented ones, no key more and none less', () => {
    const { config, changed } = loadConfig({ overrides: [] })
    expect(Object.fromEntries(leavesOf(config))).toStrictEqual(DOCUMENTED)
    expect(changed).toStrictEqual([])
  })

  test('each parse gives its own lists', () => {
    defaultConfig().augmentation.flip_axes.push(2)
    expect(defaultConfig().augmentation.flip_axes).toStrictEqual([0])
  })

  test('every key says what it means, in the JSON Schema too', () => {
    interface Node {
      properties?: Record<string, Node>
      description?: string
      default?: unknown
    }
    const described: string[] = []
    const walk = (node: Node, prefix: string) => {
      for (const [name, child] of Object.entries(node.properties ?? {})) {
        if (child.properties) walk(child, `${prefix}${name}.`)
        else if (child.description && 'default' in child) described.push(prefix + name)
      }
    }
    walk(z.toJSONSchema(configSchema, { io: 'input' }) as Node, '')
    expect(described.sort()).toStrictEqual(Object.keys(DOCUMENTED).sort())
  })

  test('toJson is sorted and reads back as the same configuration', () => {
    const { config } = loadConfig({ overrides: ['seed=7', 'training.image_size=[64,64,32]'] })
    const path = file('saved.json', toJson(config))
    expect(loadConfig({ file: path, overrides: [] }).config).toStrictEqual(config)
    expect(toJson(config)).toMatch(
      /^\{\n {2}"augmentation": \{\n {4}"bias_field_probability": 0,\n[\s\S]*"flip_axes": \[\n/,
    )
  })
})

describe('layers', () => {
  test('defaults, under --config, under files, under key=value, wherever the words stand', () => {
    const base = file('base.json', '{"seed": 1, "loss_weights": {"dice": 3.0, "absence": 4}, "compat": "reference"}')
    const other = file('other.json', '\uFEFF{"seed": 2, "loss_weights": {"absence": 5}}')
    const words = ['loss_weights.confidence=0', other, 'seed=3']
    const { config, changed, updates } = loadConfig({ file: base, overrides: words })
    expect(config.seed).toBe(3)
    expect(config.loss_weights).toStrictEqual({ ...defaultConfig().loss_weights, dice: 3, absence: 5, confidence: 0 })
    const keys = ['compat', 'loss_weights.absence', 'loss_weights.confidence', 'loss_weights.dice', 'seed']
    expect(changed).toStrictEqual(keys)
    const weights = { dice: 3, absence: 5, confidence: 0 }
    expect(updates).toStrictEqual({ seed: 3, loss_weights: weights, compat: 'reference' })
  })

  test('a partial dictionary keeps the other defaults', () => {
    const word = 'loss_weights={"segmentation": 1.0, "dice": 4.0, "focal_seg": 0.5, "attention_supervision": 2.0}'
    const { config, changed } = loadConfig({ overrides: [word] })
    expect(config.loss_weights).toMatchObject({ dice: 4, focal_seg: 0.5, absence: 1, confidence: 0.1 })
    expect(changed).toStrictEqual(['loss_weights.attention_supervision', 'loss_weights.dice', 'loss_weights.focal_seg'])
  })

  test('setting a key to its default is no change, None takes back a set key', () => {
    const path = file('size.json', '{"training": {"image_size": [64, 64, 32], "batch_size": 4}}')
    const { config, changed } = loadConfig({ file: path, overrides: ['training.image_size=None'] })
    expect(config.training.image_size).toBeNull()
    expect(changed).toStrictEqual([])
  })

  test('"$schema" in a file is for editors', () => {
    const path = file('schema.json', '{"$schema": "./docs/config.schema.json", "seed": 4}')
    expect(loadConfig({ file: path, overrides: [] })).toMatchObject({ changed: ['seed'], updates: { seed: 4 } })
    const deeper = file('deeper.json', '{"model": {"$schema": "x"}}')
    expect(messageOf(() => loadConfig({ file: deeper, overrides: [] }))).toMatch(/unknown key "model\.\$schema"/)
  })

  test('differingKeys names what differs between two configurations', () => {
    const a = loadConfig({ overrides: ['seed=1', 'model.channels=[2,4,6,8,10]'] }).config
    const b = loadConfig({ overrides: ['seed=2', 'model.channels=(2,4,6,8,10)'] }).config
    expect(differingKeys(a, b)).toStrictEqual(['seed'])
  })
})

describe('unknown keys', () => {
  test.each([
    ['training.image_sise=[64,64,32]', 'training.image_sise', 'training.image_size'],
    ['trainig.batch_size=2', 'trainig', 'training'],
    ['batch_size=2', 'batch_size', 'training.batch_size'],
    ['optimizer.learning_rate=1', 'optimizer.learning_rate', 'training.learning_rate'],
    ["device='cpu'", 'device', 'compute.adapter'],
    ['training={"bacth_size": 2}', 'training.bacth_size', 'training.batch_size'],
  ])('%s', (word, key, meant) => {
    const line = `configuration: unknown key "${key}" (from the command line), did you mean "${meant}"?`
    expect(errorOf(word)).toBe(line)
  })

  test.each(['__proto__.a=1', '__proto__=1', 'training.__proto__={"batch_size": 2}', 'model={"__proto__": {}}'])(
    '%s',
    word => expect(errorOf(word)).toMatch(/^configuration: unknown key "\S*__proto__" \(from the command line\)$/),
  )
  test.each(['constructor=1', 'toString.x=1', 'model.hasOwnProperty=1'])('%s', word =>
    expect(errorOf(word)).toMatch(/^configuration: unknown key "/),
  )

  test('in a file: names the file, stays one line', () => {
    const path = file('hostile.json', '{"training": {"__proto__": {"x": 1}}}')
    expect(messageOf(() => loadConfig({ file: path, overrides: [] }))).toBe(
      `configuration: unknown key "training.__proto__" (from ${path})`,
    )
    const lines = file('lines.json', '{"a\\nb": 1}')
    expect(messageOf(() => loadConfig({ file: lines, overrides: [] }))).not.toContain('\n')
  })
})

describe('values that do not fit: one line with key, value and expectation', () => {
  test.each([
    ['training.batch_size=four', "training.batch_size is 'four'", 'a positive integer'],
    ['training.batch_size=0', 'training.batch_size is 0', 'a positive integer'],
    ['training.batch_size=2.5', 'training.batch_size is 2.5', 'a positive integer'],
    ['training.batch_size=None', 'training.batch_size is None', 'a positive integer'],
    ['training.num_workers=-1', 'training.num_workers is -1', 'an integer of at least 0'],
    ['training.learning_rate=0', 'training.learning_rate is 0', 'a positive number'],
    ['training.image_size=[100,128,64]', 'training.image_size is [100, 128, 64]', 'three axes divisible by 16'],
    ['training.image_size=[64,64]', 'training.image_size is [64, 64]', 'three axes divisible by 16'],
    ['training.image_size=64', 'training.image_size is 64', 'three axes divisible by 16'],
    ['training.image_size=[0,64,64]', 'training.image_size is [0, 64, 64]', 'three axes divisible by 16'],
    ['model.channels=[2,4,6,8]', 'model.channels is [2, 4, 6, 8]', 'five positive integers'],
    ['model.channels=[2,4,"x",8,10]', "model.channels is [2, 4, 'x', 8, 10]", 'five positive integers'],
    ['model.presence_threshold=1.5', 'model.presence_threshold is 1.5', 'a number between 0 and 1'],
    ['model.dropout=1', 'model.dropout is 1', 'a number of at least 0 and below 1'],
    ['augmentation.enabled=yes', "augmentation.enabled is 'yes'", 'True or False'],
    ['augmentation.enabled=1', 'augmentation.enabled is 1', 'True or False'],
    ['augmentation.intensity_scale_range=[2,1]', 'augmentation.intensity_scale_range is [2, 1]', 'two numbers'],
    ['augmentation.flip_axes=[3]', 'augmentation.flip_axes is [3]', 'different array axes out of 0, 1 and 2'],
    ['augmentation.flip_axes=[1,1]', 'augmentation.flip_axes is [1, 1]', 'different array axes out of 0, 1 and 2'],
    ['augmentation.elastic_probability=2', 'augmentation.elastic_probability is 2', 'a number between 0 and 1'],
    ['augmentation.elastic_spacing=3', 'augmentation.elastic_spacing is 3', 'a number of at least 4'],
    [
      'augmentation.elastic_displacement=13',
      'augmentation.elastic_displacement is 13',
      'at most 0.4 of elastic_spacing',
    ],
    ['augmentation.blur_sigma_range=[2,1]', 'augmentation.blur_sigma_range is [2, 1]', 'two numbers between 0 and 10'],
    ['augmentation.blur_sigma_range=[1]', 'augmentation.blur_sigma_range is [1]', 'two numbers between 0 and 10'],
    [
      'augmentation.low_resolution_range=[0.5,2]',
      'augmentation.low_resolution_range is [0.5, 2]',
      'two numbers between 1 and 8',
    ],
    ['augmentation.bias_field_strength=3', 'augmentation.bias_field_strength is 3', 'a number between 0 and 2'],
    ['augmentation.gamma_range=[0,1]', 'augmentation.gamma_range is [0, 1]', 'two numbers between 0.1 and 10'],
    ['augmentation.gamma_range=1', 'augmentation.gamma_range is 1', 'two numbers between 0.1 and 10'],
    ['optimizer.type=sgd', "optimizer.type is 'sgd'", "'adamw' or 'adam'"],
    ['optimizer.betas=[0.9,1]', 'optimizer.betas is [0.9, 1]', 'two numbers of at least 0 and below 1'],
    ['loss_weights.dice=-1', 'loss_weights.dice is -1', 'a number of at least 0'],
    ['loss_weights=3', 'loss_weights is 3', 'a dictionary of segmentation, dice, focal_seg, …'],
    ['compute.precision=f64', "compute.precision is 'f64'", "'f32' or 'f16'"],
    ['compute.adapter=-1', 'compute.adapter is -1', 'part of an adapter name, an index, or None'],
    ['dataset_path=12', 'dataset_path is 12', 'text in quotes'],
    ['seed=1e10', 'seed is 10000000000', 'an integer between 0 and 4294967295'],
    ['seed={"a": 1}', "seed is {'a': 1}", 'an integer between 0 and 4294967295'],
  ])('%s', (word, found, expected) => {
    expect(errorOf(word)).toContain(`configuration: ${found} (from the command line), expected ${expected}`)
    expect(errorOf(word)).not.toContain('\n')
  })

  test('a default that does not fit what was given beside it is called one', () => {
    expect(errorOf('augmentation.elastic_spacing=16')).toBe(
      'configuration: augmentation.elastic_displacement is 8 (the default), expected at most 0.4 of elastic_spacing: more may fold the image',
    )
  })

  test('the layer that gave the value is named', () => {
    const path = file('wrong.json', '{"seed": 1, "training": {"batch_size": "a"}}')
    expect(messageOf(() => loadConfig({ file: path, overrides: ['seed=2'] }))).toBe(
      `configuration: training.batch_size is 'a' (from ${path}), expected a positive integer`,
    )
    expect(loadConfig({ file: path, overrides: ['training.batch_size=2'] }).config.training.batch_size).toBe(2)
  })

  test('a long value is cut', () => {
    expect(errorOf(`seed=${'x'.repeat(1000)}`).length).toBeLessThan(200)
  })
})

describe('files that are not JSON', () => {
  test.each([
    ['', '1:1: found the end, expected a JSON value'],
    ['{"seed": 1', "1:11: found the end, expected ',' or '}'"],
    ['{"training": {"batch_size": 2,}}', '1:31: found }, expected a key in double quotes'],
    ['{"training":\n  {"batch_size" 2}}', "2:17: found 2, expected ':'"],
    ['{seed: 1}', "1:2: found seed, expected a key in double quotes or '}'"],
    ['{"a": [1 2]}', "1:10: found 2, expected ',' or ']'"],
    ['{"a": 01}', '1:7: found 01, expected a JSON value'],
    ['{"a": True}', '1:7: found True, expected a JSON value'],
    ['{"a": "x\ny"}', '1:7: found "x, expected a JSON value'],
    ['{"a": {}, "b": []} x', '1:20: found x, expected the end of the file'],
    ['[[[]], {}', "1:10: found the end, expected ',' or ']'"],
  ])('%j', (text, where) => {
    const path = file('broken.json', text)
    expect(messageOf(() => loadConfig({ file: path, overrides: [] }))).toBe(`${path}:${where}`)
  })

  test('a list, a missing file and a folder', () => {
    const list = file('list.json', '[1]')
    expect(errorOf(list)).toBe(`${list}: expected a JSON object of configuration keys`)
    expect(errorOf('missing.json')).toBe('missing.json: no such file, expected a JSON file')
    expect(messageOf(() => loadConfig({ file: folder, overrides: [] }))).toBe(
      `${folder}: is a folder, expected a JSON file`,
    )
  })
})
