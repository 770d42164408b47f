import { h, type JSX } from 'preact'
import { useState } from 'preact/hooks'

export interface PickerProps {
  label: string
  /** endings, as in an input's `accept` */
  accept: string
  isMany: boolean
  isBusy: boolean
  pick(files: File[]): void
}

/** A field that files are chosen in or dropped on. */
export function Picker({ label, accept, isMany, isBusy, pick }: PickerProps): JSX.Element {
  const [isOver, setOver] = useState(false)
  const take = (files: FileList | null | undefined): void => {
    const given = [...(files ?? [])].slice(0, isMany ? undefined : 1)
    if (given.length > 0 && !isBusy) pick(given)
  }
  return h(
    'label',
    {
      class: isOver ? 'picker over' : 'picker',
      onDragOver: (event: DragEvent) => {
        event.preventDefault()
        setOver(true)
      },
      onDragLeave: () => setOver(false),
      onDrop: (event: DragEvent) => {
        event.preventDefault()
        setOver(false)
        take(event.dataTransfer?.files)
      },
    },
    [
      h('span', {}, label),
      h('input', {
        type: 'file',
        accept,
        multiple: isMany,
        disabled: isBusy,
        // the same file can be picked again
        onClick: (event: MouseEvent) => {
          inputOf(event).value = ''
        },
        onChange: (event: Event) => take(inputOf(event).files),
      }),
      h('span', { class: 'faint' }, 'or drop it here'),
    ],
  )
}

function inputOf({ currentTarget }: Event): HTMLInputElement {
  return currentTarget as HTMLInputElement
}
