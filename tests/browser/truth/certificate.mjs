// A certificate that nobody but one browser trusts.
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes `{ key, cert, pin }` for these hosts; `pin` is what `--ignore-certificate-errors-spki-list` takes. */
export function certificate(...hosts) {
  const folder = mkdtempSync(join(tmpdir(), "exeat-certificate-"));
  try {
    const [keyFile, certFile] = ["key.pem", "cert.pem"].map((name) => join(folder, name));
    execFileSync("openssl", [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", `/CN=${hosts[0]}`,
      "-addext", `subjectAltName=${hosts.map((host) => `DNS:${host}`).join()}`, "-keyout", keyFile, "-out", certFile,
    ], { stdio: "ignore" });
    const [key, cert] = [keyFile, certFile].map((file) => readFileSync(file));
    const spki = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
    return { key, cert, pin: createHash("sha256").update(spki).digest("base64") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
