import { BSON, type Document } from 'mongodb'
import { DESERIALIZE } from './values.ts'

const OP_REPLY = 1
const OP_QUERY = 2004
const OP_MSG = 2013
const HEADER = 16 // bytes: length, id, the id answered, operation
const CHECKSUM = 1 // flag
const MORE_TO_COME = 2 // flag: no answer is wanted

/** A command off the wire. */
export interface Message {
  request: Document
  /** The bytes to answer with; undefined where none are wanted. */
  reply?: (answer: Document) => Buffer
}

/** Splits a stream of bytes into messages. */
export class MessageReader {
  private rest: Buffer = Buffer.alloc(0)

  /** The messages that are whole with these bytes. */
  read(bytes: Buffer): Message[] {
    const messages: Message[] = []
    this.rest = Buffer.concat([this.rest, bytes])
    while (this.rest.length >= HEADER && this.rest.length >= this.rest.readInt32LE(0)) {
      const length = this.rest.readInt32LE(0)
      const message = this.rest.subarray(0, length)
      this.rest = this.rest.subarray(length)
      messages.push(messageOf(message))
    }
    return messages
  }
}

function messageOf(message: Buffer): Message {
  const id = message.readInt32LE(4)
  const operation = message.readInt32LE(12)
  if (operation === OP_MSG) return ofMessage(message, id)
  if (operation === OP_QUERY) return ofQuery(message, id)
  throw new Error(`operation ${operation} is not known here`)
}

function ofMessage(message: Buffer, id: number): Message {
  const flags = message.readUInt32LE(HEADER)
  const end = message.length - (flags & CHECKSUM ? 4 : 0)
  let request: Document = {}
  const sequences: Document = {}
  for (let at = HEADER + 4; at < end; ) {
    const kind = message[at]!
    const size = message.readInt32LE(at + 1)
    const section = message.subarray(at + 1, at + 1 + size)
    if (kind === 0) request = BSON.deserialize(section, DESERIALIZE)
    else Object.assign(sequences, sequenceOf(section))
    at += 1 + size
  }
  const whole = { ...request, ...sequences }
  if (flags & MORE_TO_COME) return { request: whole }
  return { request: whole, reply: answer => framed(OP_MSG, id, [Buffer.alloc(5), Buffer.from(BSON.serialize(answer))]) }
}

/** A field of the command that is sent as documents one behind the other. */
function sequenceOf(section: Buffer): Document {
  const nameEnd = section.indexOf(0, 4)
  const documents: Document[] = []
  for (let at = nameEnd + 1; at < section.length; at += section.readInt32LE(at))
    documents.push(BSON.deserialize(section.subarray(at, at + section.readInt32LE(at)), DESERIALIZE))
  return { [section.toString('utf8', 4, nameEnd)]: documents }
}

/** The first message of drivers that do not know yet what the server speaks. */
function ofQuery(message: Buffer, id: number): Message {
  const nameEnd = message.indexOf(0, HEADER + 4)
  const request = BSON.deserialize(message.subarray(nameEnd + 9), DESERIALIZE)
  const head = Buffer.alloc(20)
  head.writeInt32LE(1, 16) // documents
  return { request, reply: answer => framed(OP_REPLY, id, [head, Buffer.from(BSON.serialize(answer))]) }
}

function framed(operation: number, answers: number, parts: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(HEADER)
  head.writeInt32LE(HEADER + parts.reduce((sum, part) => sum + part.length, 0), 0)
  head.writeInt32LE(answers, 8)
  head.writeInt32LE(operation, 12)
  return Buffer.concat([head, ...parts])
}
