/**
 * Requests as bytes, well-formed or not: what is sent is what was written here.
 */
import { connect } from "node:net"
import type { Socket } from "node:net"

export const frameOf = (kind: string, content: Uint8Array | string = ""): Buffer => {
  const bytes = Buffer.from(content)
  const prefix = Buffer.alloc(5)
  prefix.write(kind, 0, "latin1")
  prefix.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([prefix, bytes])
}

export interface RawRequest {
  readonly method?: string
  readonly path: string
  readonly headers?: { readonly [name: string]: string }
  readonly body?: Buffer | string | undefined
}

/** The bytes of a well-formed request. */
export const requestBytes = ({ method, path, headers = {}, body }: RawRequest): Buffer => {
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }
  const lines = Object.entries({ host: "localhost", ...length, ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")
  const head = `${method ?? (body === undefined ? "GET" : "POST")} ${path} HTTP/1.1\r\n${lines}\r\n`
  return Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(body ?? "")])
}

export interface RawAnswer {
  /** Status of the first answer; 0 when the connection was closed without one. */
  readonly status: number
  readonly text: string
}

export const dial = (url: string): Socket => {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.on("error", () => {})
  return socket
}

/**
 * Sends bytes and reads until the server closes, or has answered: by what the answer says of its
 * length, or when its headers are there. `half` closes our side after sending.
 */
export const exchange = (
  url: string,
  bytes: Buffer | ReadonlyArray<Buffer>,
  options: {
    readonly half?: boolean
    readonly untilClosed?: boolean
    readonly headOnly?: boolean
  } = {},
): Promise<RawAnswer> =>
  new Promise((resolve) => {
    const socket = dial(url)
    const parts: Array<Buffer> = []
    const done = () => {
      const text = Buffer.concat(parts).toString("latin1")
      socket.destroy()
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text })
    }
    socket.on("data", (part) => {
      parts.push(part)
      if (options.untilClosed === true) return
      const text = Buffer.concat(parts).toString("latin1")
      if (options.headOnly === true ? text.includes("\r\n\r\n") : isWhole(text)) done()
    })
    socket.on("close", done)
    for (const piece of Array.isArray(bytes) ? bytes : [bytes as Buffer]) socket.write(piece)
    if (options.half === true) socket.end()
  })

const isWhole = (text: string): boolean => {
  const end = text.indexOf("\r\n\r\n")
  if (end < 0) return false
  const head = text.slice(0, end).toLowerCase()
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1]
  if (length !== undefined) return text.length >= end + 4 + Number(length)
  return head.includes("chunked") ? text.endsWith("0\r\n\r\n") : false
}
