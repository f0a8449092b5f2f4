/**
 * The description of the interface as one page for people. It loads nothing: no script, no font, no
 * picture, so that it can be read on a machine without a network.
 */
import type { OpenAPISpec } from "effect/http-api/OpenApi"

/** Nothing on the page may load, run or be framed. */
export const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

const style = `:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem;font-size:1.1rem}code,pre{font:14px/1.5 ui-monospace,monospace}
pre{overflow:auto;padding:.75rem;border:1px solid #8886;border-radius:4px}
table{border-collapse:collapse;width:100%}td{padding:.2rem .75rem .2rem 0;vertical-align:top}
td:first-child{white-space:nowrap}.method{font-weight:700}`

const escaped = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")

/** Text with code between backquotes. */
const prose = (text: string): string =>
  escaped(text).replaceAll(/`([^`]+)`/g, (_, inner: string) => `<code>${inner}</code>`)

const row = (name: string, text: string): string =>
  `<tr><td><code>${escaped(name)}</code></td><td>${text}</td></tr>`

interface Content {
  readonly [type: string]: { readonly schema?: unknown }
}

/** The name of a schema with a link to it, or the media type alone. */
const contentText = (content: Content | undefined): string =>
  Object.entries(content ?? {})
    .map(([type, { schema }]) => {
      const reference = (schema as { readonly $ref?: string } | undefined)?.$ref?.split("/").at(-1)
      const link = reference === undefined ? "" : `, <a href="#${reference}">${reference}</a>`
      return `<code>${escaped(type)}</code>${link}`
    })
    .join("; ")

type Operation = NonNullable<OpenAPISpec["paths"][string]["get"]>

const operationText = (method: string, path: string, operation: Operation): string => {
  const { summary, description, requestBody, responses, security } = operation
  const body = requestBody === undefined ? "" : row("body", contentText(requestBody.content))
  const answers = Object.entries(responses).map(([status, response]) => {
    const content = contentText(response.content)
    return row(status, prose(response.description) + (content === "" ? "" : ` (${content})`))
  })
  const token = (security ?? []).length === 0 ? "No token needed." : "Needs the token."
  return `<h2 id="${operation.operationId}"><span class="method">${method.toUpperCase()}</span> <code>${escaped(path)}</code></h2>
<p><b>${prose(summary ?? "")}.</b> ${prose(description ?? "")} ${token}</p>
<table>${body}${answers.join("")}</table>`
}

export const pageFrom = ({ info, paths, components }: OpenAPISpec): string => {
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) =>
      operationText(method, path, operation as Operation),
    ),
  )
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<h2 id="${escaped(name)}">${escaped(name)}</h2><pre>${escaped(JSON.stringify(schema, null, 2))}</pre>`,
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(info.title)}</title><style>${style}</style></head>
<body><h1>${escaped(info.title)}</h1><p>Version ${escaped(info.version)}. ${prose(info.description ?? "")}</p>
<p>The same for programs: <a href="/openapi.json">openapi.json</a></p>
${operations.join("\n")}
${schemas.join("\n")}
</body></html>
`
}
