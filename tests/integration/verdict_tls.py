# SPDX-License-Identifier: Apache-2.0
"""What the verdict says of certificates and of revocation lists, provoked."""

import datetime
import signal
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from edge import EDGE, Store, free_port


def pki(store, *words):
    done = subprocess.run([EDGE, "pki", *map(str, words), "--config",
                           store.config_path], text=True, capture_output=True,
                          timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def tls_store(**more):
    """A loopback listener for all, and one by certificate."""
    store = Store(cloud=False, **more)
    store.tls_port = free_port()
    text = store.config_path.read_text()
    plain = f'"127.0.0.1:{store.broker_port}"'
    store.config_path.write_text(text.replace(f"listen: {plain}", f"""listen:
      [{{address: {plain}, anonymous: true}},
       {{address: "127.0.0.1:{store.tls_port}", tls: true, certificates: true}}]
 """, 1))
    store.pki = store.folder / "data/pki"
    return store


def expired_list(folder):
    """A list of this CA that ended yesterday, as PEM."""
    ca = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    key = serialization.load_pem_private_key(
        (folder / "ca.key").read_bytes(), None)
    now = datetime.datetime.utcnow()
    day = datetime.timedelta(days=1)
    return (x509.CertificateRevocationListBuilder().issuer_name(ca.subject)
            .last_update(now - 9 * day).next_update(now - day)
            .sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM))


def make_tls_case(base):
    """The case, on the test's own class of cases."""

    class TlsCase(base):
        """Certificates that end, lists that ended, files of no use."""

        def make(self):
            return tls_store()

        def play(self):
            store = self.store
            pki(store, "init")
            pki(store, "server")
            pki(store, "issue", "till-1", "--no-p12", "--days", 5)
            store.gateway.start().wait_up()
            reason = self.provoked("certificate-expires")
            assert "device till-1 ends in" in reason["text"], reason
            pki(store, "renew", "till-1", "--no-p12")
            self.cured("certificate-expires")
            pki(store, "issue", "till-2", "--no-p12", "--days", 3)
            self.provoked("certificate-expires")
            pki(store, "revoke", "till-2")
            self.cured("certificate-expires")
            for name, bytes_, code, words in [
                    ("crl.pem", b"hello", "crl-unusable", "no revocation list"),
                    ("crl.pem", expired_list(store.pki), "crl-expired",
                     "ended"),
                    ("server.key", (store.pki / "ca.key").read_bytes(),
                     "tls-unusable", "stay in use")]:
                path = store.pki / name
                good = path.read_bytes()
                path.write_bytes(bytes_)
                store.gateway.process.send_signal(signal.SIGHUP)
                reason = self.provoked(code)
                assert words in reason["text"], reason
                path.write_bytes(good)
                store.gateway.process.send_signal(signal.SIGHUP)
                self.cured(code)
            # The list that ended stays in force, whatever comes after it.
            path = store.pki / "crl.pem"
            good = path.read_bytes()
            for bytes_, code in [(expired_list(store.pki), "crl-expired"),
                                 (b"hello", "crl-unusable")]:
                path.write_bytes(bytes_)
                store.gateway.process.send_signal(signal.SIGHUP)
                self.provoked(code)
            self.provoked("crl-expired")
            path.write_bytes(good)
            store.gateway.process.send_signal(signal.SIGHUP)
            self.cured("crl-expired")
            self.cured("crl-unusable")

    return TlsCase
