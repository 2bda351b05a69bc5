import ssh2 from 'ssh2'

/** A private key in OpenSSH's form. Two or three in a thousand that the library makes (ssh2 1.17) it cannot read itself. */
export function makeSshKey(): string {
  for (;;) {
    const { private: key } = ssh2.utils.generateKeyPairSync('ed25519')
    if (!(ssh2.utils.parseKey(key) instanceof Error)) return key
  }
}
