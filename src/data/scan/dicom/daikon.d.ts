// The part of the package that codec.ts uses. The package has no type declarations.
declare module 'daikon' {
  class Tag {
    constructor(
      group: number,
      element: number,
      vr: string,
      value: ArrayBuffer,
      offsetStart: number,
      offsetValue: number,
      offsetEnd: number,
      littleEndian: boolean,
    )
  }
  class Image {
    putTag(tag: Tag): void
    decompressJPEG(jpeg: ArrayBuffer): ArrayLike<number> | { pixelData: ArrayLike<number> }
  }
  class RLE {
    bytesPut: number
    decode(data: ArrayBuffer, littleEndian: boolean, elements: number): DataView
  }
}
