import type { Fail } from './cursor.ts'

const maxMarks = 1_000
const maxMemo = 1_000_000

/** Stack, marks and memo of a running pickle, and the operations on them. */
export class PickleStack {
  private readonly stack: unknown[] = []
  private readonly marks: number[] = []
  private readonly memo = new Map<number, unknown>()
  private readonly fail: Fail

  constructor(fail: Fail) {
    this.fail = fail
  }

  push(value: unknown): void {
    this.stack.push(value)
  }

  /** The single value that remains at the end. */
  result(): unknown {
    if (this.stack.length !== 1 || this.marks.length !== 0) this.fail('the pickle ends with an unfinished value')
    return this.stack[0]
  }

  remember(index: number): undefined {
    this.memo.set(index, this.top())
    if (this.memo.size > maxMemo) this.fail(`the pickle remembers more than ${maxMemo} values`)
  }

  recall(index: number): unknown {
    if (!this.memo.has(index)) this.fail(`the pickle recalls value ${index}, which it has not stored`)
    return this.memo.get(index)
  }

  /** Values below the last mark belong to the enclosing container. */
  private floor(): number {
    return this.marks.at(-1) ?? 0
  }

  top(): unknown {
    if (this.stack.length <= this.floor()) this.fail('the pickle uses a value that is not there')
    return this.stack.at(-1)
  }

  pop(): unknown {
    const value = this.top()
    this.stack.pop()
    return value
  }

  popMany(count: number): unknown[] {
    if (this.stack.length - count < this.floor()) this.fail('the pickle uses a value that is not there')
    return this.stack.splice(-count)
  }

  mark(): undefined {
    if (this.marks.push(this.stack.length) > maxMarks) this.fail(`more than ${maxMarks} nested values`)
  }

  popMark(): unknown[] {
    const mark = this.marks.pop()
    if (mark === undefined) return this.fail('the pickle closes a value that it has not opened')
    return this.stack.splice(mark)
  }

  tuple(count: number): readonly unknown[] {
    return Object.freeze(this.popMany(count))
  }

  append(items: unknown[]): undefined {
    const list = this.top()
    if (!Array.isArray(list) || Object.isFrozen(list))
      return this.fail('the pickle appends to something that is not a list')
    for (const item of items) list.push(item)
  }

  setItems(items: unknown[]): undefined {
    const dict = this.top()
    if (!(dict instanceof Map) || items.length % 2)
      return this.fail('the pickle sets items of something that is not a dict')
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]
      if (typeof key !== 'string' && typeof key !== 'number')
        this.fail('found a dict key that is neither a string nor a number')
      dict.set(key, items[i + 1])
    }
  }
}
