/** Certificates for servers and clients of tests, made by openssl in a folder that is given. */
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"

/** Paths of files, all PEM. */
export interface Certificates {
  readonly ca: string
  readonly serverCert: string
  readonly serverKey: string
  readonly clientCert: string
  readonly clientKey: string
  /** An authority that has signed nothing here. */
  readonly otherCa: string
}

const openssl = (folder: string, words: ReadonlyArray<string>): void => {
  execFileSync("openssl", words, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] })
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

const makeAuthority = (folder: string, name: string): string => {
  const subject = `/CN=${name}`
  const files = ["-keyout", `${name}.key`, "-out", `${name}.pem`]
  openssl(folder, ["req", "-x509", ...newKey, ...files, "-subj", subject, "-days", "2"])
  return join(folder, `${name}.pem`)
}

const makeCertificate = (folder: string, authority: string, name: string): void => {
  const request = ["-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`]
  openssl(folder, ["req", "-new", ...newKey, ...request])
  const names = "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth"
  writeFileSync(join(folder, `${name}.ext`), names)
  const signer = ["-CA", `${authority}.pem`, "-CAkey", `${authority}.key`, "-CAcreateserial"]
  const files = ["-in", `${name}.csr`, "-out", `${name}.pem`, "-extfile", `${name}.ext`]
  openssl(folder, ["x509", "-req", ...files, ...signer, "-days", "2"])
}

export const makeCertificates = (folder: string): Certificates => {
  const ca = makeAuthority(folder, "authority")
  const otherCa = makeAuthority(folder, "stranger")
  makeCertificate(folder, "authority", "server")
  makeCertificate(folder, "authority", "client")
  const path = (name: string): string => join(folder, name)
  return {
    ca,
    otherCa,
    serverCert: path("server.pem"),
    serverKey: path("server.key"),
    clientCert: path("client.pem"),
    clientKey: path("client.key"),
  }
}
