# SPDX-License-Identifier: Apache-2.0
"""Goal: `pki` makes certificates that others accept (openssl, python's
cryptography and ssl, Mosquitto), keeps them from everybody else, and leaves
the files before a change or after it wherever it is killed."""

import datetime
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import tempfile
import time
import unittest
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

import paho.mqtt.client as mqtt

from edge import BUILD, EDGE, SHIM, free_port, wait_for
from verdict_tls import pki, tls_store

PROGRAM = os.environ.get("EDGE_BIN", str(EDGE))
KILL_SHIM = BUILD / "tests/integration/kill_shim.so"
NOBODY = 65534
DAY = datetime.timedelta(days=1)
SANITIZED = "asan" in str(BUILD)


def openssl(*words, code=0):
    done = subprocess.run(["openssl", *map(str, words)], text=True,
                          capture_output=True, stdin=subprocess.DEVNULL)
    if code is not None and done.returncode != code:
        raise AssertionError(f"openssl {words}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def preloaded(shim):
    """What preloads it; a sanitizer's runtime has to come first."""
    first = ""
    if SANITIZED:
        said = subprocess.run(["ldd", PROGRAM], text=True, capture_output=True)
        found = re.search(r"(/\S+asan\S*\.so)", said.stdout)
        first = f"{found[1]}:" if found else ""
    return {"LD_PRELOAD": f"{first}{shim}"}


class PkiCase(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="edge-pki-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.data.mkdir()
        self.pki = self.data / "pki"

    def run_pki(self, *words, code=0, place=None, environment=None, **more):
        where = place or ["--data", self.data]
        done = subprocess.run(
            [PROGRAM, "pki", *map(str, words), *map(str, where)], text=True,
            capture_output=True, timeout=60, stdin=subprocess.DEVNULL,
            env=os.environ | (environment or {}), **more)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def begin(self, *devices):
        self.run_pki("init")
        self.run_pki("server")
        for device in devices:
            self.run_pki("issue", device, "--no-p12")

    def certificate(self, name):
        return x509.load_pem_x509_certificate((self.pki / name).read_bytes())

    def key(self, name):
        return serialization.load_pem_private_key(
            (self.pki / name).read_bytes(), None)

    def crl(self):
        return x509.load_pem_x509_crl((self.pki / "crl.pem").read_bytes())

    def listed(self, **wanted):
        lines = self.run_pki("list", "--json").stdout.splitlines()
        return [entry for entry in map(json.loads, lines)
                if all(entry[k] == v for k, v in wanted.items())]


def public(key_or_certificate):
    return key_or_certificate.public_key().public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo)


class CertificateTest(PkiCase):
    """By python's cryptography and openssl's command line."""

    def critical(self, certificate, oid):
        extension = certificate.extensions.get_extension_for_oid(oid)
        self.assertTrue(extension.critical)
        return extension.value

    def check_usual(self, certificate, ca):
        self.assertIsInstance(certificate.public_key().curve, ec.SECP256R1)
        self.assertIsInstance(certificate.signature_hash_algorithm,
                              hashes.SHA256)
        self.assertEqual(certificate.version, x509.Version.v3)
        self.assertEqual(certificate.serial_number.bit_length(), 127)
        own = certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier).value.digest
        self.assertEqual(own, x509.SubjectKeyIdentifier.from_public_key(
            certificate.public_key()).digest)
        issuer = certificate.extensions.get_extension_for_class(
            x509.AuthorityKeyIdentifier).value.key_identifier
        self.assertEqual(issuer, ca.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier).value.digest)
        ca.public_key().verify(certificate.signature,
                               certificate.tbs_certificate_bytes,
                               ec.ECDSA(hashes.SHA256()))
        early = datetime.datetime.utcnow() - certificate.not_valid_before
        self.assertLess(abs(early - DAY), datetime.timedelta(minutes=5))

    def test_the_ca(self):
        self.run_pki("init", "--name", "Café 7")
        ca = self.certificate("ca.pem")
        self.check_usual(ca, ca)
        self.assertEqual(public(ca), public(self.key("ca.key")))
        basic = self.critical(ca, ExtensionOID.BASIC_CONSTRAINTS)
        self.assertEqual((basic.ca, basic.path_length), (True, 0))
        usage = self.critical(ca, ExtensionOID.KEY_USAGE)
        self.assertTrue(usage.key_cert_sign and usage.crl_sign)
        self.assertFalse(usage.digital_signature)
        name = ca.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        self.assertRegex(name, "^Café 7 [0-9A-F]{8}$")
        self.assertEqual((ca.not_valid_after - ca.not_valid_before).days, 7301)
        again = self.run_pki("init", code=1)
        self.assertIn("is there already", again.stderr)
        self.assertEqual(ca, self.certificate("ca.pem"))

    def test_a_device(self):
        self.begin("till-1")
        ca, till = self.certificate("ca.pem"), self.certificate(
            "issued/till-1.pem")
        self.check_usual(till, ca)
        self.assertEqual(till.subject.rfc4514_string(), "CN=till-1")
        self.assertFalse(self.critical(till, ExtensionOID.BASIC_CONSTRAINTS).ca)
        usage = self.critical(till, ExtensionOID.KEY_USAGE)
        self.assertTrue(usage.digital_signature)
        self.assertFalse(usage.key_cert_sign)
        eku = till.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        self.assertEqual(list(eku.value), [ExtendedKeyUsageOID.CLIENT_AUTH])
        self.assertEqual((till.not_valid_after - till.not_valid_before).days,
                         1096)
        verify = ["verify", "-x509_strict", "-CAfile", self.pki / "ca.pem",
                  "-CRLfile", self.pki / "crl.pem", "-crl_check"]
        openssl(*verify, "-purpose", "sslclient", self.pki / "issued/till-1.pem")
        openssl(*verify, "-purpose", "sslserver",
                self.pki / "issued/till-1.pem", code=2)
        openssl(*verify, "-purpose", "sslserver", self.pki / "server.pem")

    def test_the_gateways_names(self):
        self.run_pki("init")
        self.run_pki("server", "--dns", "gw.store-7.example", "--dns",
                     "gw.local", "--ip", "192.168.1.10", "--ip", "fd00::10",
                     "--days", 100)
        server = self.certificate("server.pem")
        names = server.extensions.get_extension_for_class(
            x509.SubjectAlternativeName).value
        dns = names.get_values_for_type(x509.DNSName)
        self.assertEqual(dns[:2], ["gw.store-7.example", "gw.local"])
        self.assertIn("localhost", dns)
        self.assertIn(socket.gethostname(), dns)
        addresses = list(map(str, names.get_values_for_type(x509.IPAddress)))
        self.assertEqual(sorted(addresses),
                         ["127.0.0.1", "192.168.1.10", "::1", "fd00::10"])
        self.assertEqual(server.subject.rfc4514_string(),
                         "CN=gw.store-7.example")
        self.assertEqual(
            (server.not_valid_after - server.not_valid_before).days, 101)
        for words, said in [(["--dns", "10.0.0.1"], "give it with --ip"),
                            (["--dns", "a b"], "no host name"),
                            (["--dns", "a,IP:1.2.3.4"], "no host name"),
                            (["--dns", "x" * 64], "no host name"),
                            (["--dns", "a..b"], "no host name"),
                            (["--ip", "gw.local"], "neither an IPv4"),
                            (["--ip", "1.2.3"], "neither an IPv4")]:
            done = self.run_pki("server", *words, code=1)
            self.assertIn(said, done.stderr)
        self.assertEqual(server, self.certificate("server.pem"))

    def test_pkcs12(self):
        self.run_pki("init")
        for device, words, said in [
                ("old", [], "pbeWithSHA1And3-KeyTripleDES-CBC"),
                ("new", ["--modern"], "AES-256-CBC")]:
            done = self.run_pki("issue", device, *words)
            password = done.stdout.strip()
            self.assertRegex(password, "^[a-z0-9]{26}$")
            self.assertNotIn(password, done.stderr)
            path = self.pki / f"issued/{device}.p12"
            # Without the legacy provider, which RC2 would need.
            text = openssl("pkcs12", "-in", path, "-passin", f"pass:{password}",
                           "-nodes", "-info")
            self.assertIn(said, text)
            self.assertNotIn("RC2", text)
            self.assertIn("MAC: sha256" if words else "MAC: sha1", text)
            self.assertIn("mac verify error",
                          openssl("pkcs12", "-in", path, "-passin", "pass:x",
                                  "-nokeys", code=None).lower())
            key, leaf, more = pkcs12.load_key_and_certificates(
                path.read_bytes(), password.encode())
            self.assertEqual(public(key), public(leaf))
            self.assertEqual(leaf, self.certificate(f"issued/{device}.pem"))
            self.assertEqual(more, [self.certificate("ca.pem")])
        self.run_pki("issue", "none", "--no-p12")
        self.assertFalse((self.pki / "issued/none.p12").exists())

    def test_a_password_that_is_given(self):
        self.run_pki("init")
        secret = self.folder / "secret"
        secret.write_text("a chosen one, long\n")
        done = self.run_pki("issue", "a", "--password-file", secret)
        self.assertNotIn("chosen", done.stdout + done.stderr)
        openssl("pkcs12", "-in", self.pki / "issued/a.p12", "-nokeys",
                "-passin", f"file:{secret}")
        done = subprocess.run(
            [PROGRAM, "pki", "issue", "b", "--password-stdin", "--data",
             self.data], input="a chosen one, long\n", text=True,
            capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        openssl("pkcs12", "-in", self.pki / "issued/b.p12", "-nokeys",
                "-passin", f"file:{secret}")
        secret.write_text("short\n")
        done = self.run_pki("issue", "c", "--password-file", secret, code=1)
        self.assertIn("12", done.stderr)
        done = self.run_pki("issue", "c", "--password-file",
                            self.folder / "none", code=1)
        self.assertIn("none", done.stderr)
        done = self.run_pki("issue", "c", "--password-ask", code=1,
                            start_new_session=True)
        self.assertIn("no terminal", done.stderr)
        self.assertFalse((self.pki / "issued/c.pem").exists())
        for words in (["--password-stdin", "--password-file", secret],
                      ["--no-p12", "--modern"],
                      ["--no-p12", "--password-stdin"]):
            self.run_pki("issue", "c", *words, code=2)

    def test_a_password_that_is_asked_for(self):
        self.run_pki("init")
        child, terminal = pty.fork()
        if child == 0:
            os.execv(PROGRAM, [PROGRAM, "pki", "issue", "a", "--password-ask",
                               "--data", str(self.data)])
        said = b""

        def until(words):
            nonlocal said
            while words not in said:
                said += os.read(terminal, 1000)
        until(b"password: ")
        os.write(terminal, b"asked for, and long\n")
        until(b"again: ")
        os.write(terminal, b"asked for, and long\n")
        try:
            while True:
                said += os.read(terminal, 1000)
        except OSError:
            pass
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        os.close(terminal)
        self.assertNotIn(b"asked for, and", said)
        openssl("pkcs12", "-in", self.pki / "issued/a.p12", "-nokeys",
                "-passin", "pass:asked for, and long")


class LifeTest(PkiCase):
    """Lists, renewals, revocations, clocks."""

    def test_revoked(self):
        self.begin("till-1", "till-2")
        before = self.crl()
        self.assertEqual(list(before), [])
        serial = self.certificate("issued/till-1.pem").serial_number
        shutil.copy(self.pki / "issued/till-1.pem", self.folder / "gone.pem")
        self.run_pki("revoke", "till-1")
        after = self.crl()
        self.assertEqual([entry.serial_number for entry in after], [serial])
        self.assertEqual(after.next_update,
                         datetime.datetime(9999, 12, 31, 23, 59, 59))
        self.assertTrue(after.is_signature_valid(
            self.certificate("ca.pem").public_key()))

        def number(crl):
            return crl.extensions.get_extension_for_class(
                x509.CRLNumber).value.crl_number
        self.assertEqual(number(after), number(before) + 1)
        verify = ["verify", "-crl_check", "-CAfile", self.pki / "ca.pem",
                  "-CRLfile", self.pki / "crl.pem"]
        self.assertIn("revoked", openssl(*verify, self.folder / "gone.pem",
                                         code=2))
        openssl(*verify, self.pki / "issued/till-2.pem")
        self.assertEqual(sorted(os.listdir(self.pki / "issued")),
                         ["till-2.key", "till-2.pem"])
        self.assertEqual(self.listed(name="till-1")[0]["state"], "revoked")
        self.assertIn("already", self.run_pki("revoke", "till-1",
                                              code=1).stderr)
        self.assertIn("none that", self.run_pki("revoke", "till-9",
                                                code=1).stderr)
        self.run_pki("issue", "till-1", "--no-p12")
        openssl(*verify, self.pki / "issued/till-1.pem")

    def test_a_list_that_is_gone(self):
        """Goal: the next change makes it again, with all that it said."""
        self.begin("till-1")
        self.run_pki("revoke", "till-1")
        serials = [entry.serial_number for entry in self.crl()]
        for spoil in (lambda path: path.unlink(),
                      lambda path: path.write_bytes(b"hello"),
                      lambda path: path.write_bytes(path.read_bytes()[:99])):
            spoil(self.pki / "crl.pem")
            self.run_pki("renew", "server")
            self.assertEqual([e.serial_number for e in self.crl()], serials)
        before = (self.pki / "crl.pem").read_bytes()
        self.run_pki("renew", "server")
        self.assertEqual((self.pki / "crl.pem").read_bytes(), before)

    def test_names_that_differ_by_case(self):
        self.begin("till-1")
        for more in ([], ["--again"]):
            done = self.run_pki("issue", "TILL-1", "--no-p12", *more, code=1)
            self.assertIn("there is a device till-1, whose name differs by "
                          "case only", done.stderr)
        self.run_pki("revoke", "till-1")
        self.run_pki("issue", "TILL-1", "--no-p12")

    def test_one_serial(self):
        self.begin("a")
        self.run_pki("issue", "a", "--again", "--no-p12")
        first, second = (e["serial"] for e in self.listed(name="a"))
        colons = ":".join(re.findall("..", first.lower()))
        self.run_pki("revoke", "--serial", colons)
        states = {e["serial"]: e["state"] for e in self.listed(name="a")}
        self.assertEqual(states, {first: "revoked", second: "valid"})
        self.run_pki("revoke", "--serial", "xyz", code=2)
        self.run_pki("revoke", "a", "--serial", first, code=2)
        self.run_pki("revoke", code=2)

    def test_renewed(self):
        self.begin("till-1")
        for name, words in (("server", ["server"]),
                            ("issued/till-1", ["till-1", "--no-p12"])):
            old, key = self.certificate(f"{name}.pem"), self.key(f"{name}.key")
            self.run_pki("renew", *words, "--days", 50)
            new = self.certificate(f"{name}.pem")
            self.assertEqual(public(new), public(old))
            self.assertEqual(public(self.key(f"{name}.key")), public(key))
            self.assertNotEqual(new.serial_number, old.serial_number)
            self.assertEqual(new.subject, old.subject)
            self.assertEqual((new.not_valid_after - new.not_valid_before).days,
                             51)
            if name == "server":
                self.assertEqual(*(c.extensions.get_extension_for_class(
                    x509.SubjectAlternativeName) for c in (old, new)))
            self.run_pki("renew", *words, "--new-key")
            newest = self.certificate(f"{name}.pem")
            self.assertNotEqual(public(newest), public(old))
            self.assertEqual(public(newest),
                             public(self.key(f"{name}.key")))
        openssl("verify", "-crl_check", "-CAfile", self.pki / "ca.pem",
                "-CRLfile", self.pki / "crl.pem",
                self.pki / "issued/till-1.pem", self.pki / "server.pem")
        self.assertEqual(list(self.crl()), [])

    def test_all(self):
        self.begin()
        for device, days in (("a", 10), ("b", 100), ("c", 10), ("d", 10)):
            self.run_pki("issue", device, "--no-p12", "--days", days)
        self.run_pki("revoke", "c")
        (self.pki / "issued/d.pem").unlink()
        done = self.run_pki("renew", "--all", "--within", 30, "--no-p12")
        self.assertIn("d is not renewed", done.stderr)
        count = {name: len(self.listed(name=name)) for name in "abcd"}
        self.assertEqual(count, {"a": 2, "b": 1, "c": 1, "d": 1})
        self.assertEqual(len(self.listed(kind="server")), 1)
        self.run_pki("renew", "--all", "--no-p12")
        self.assertEqual(len(self.listed(kind="server")), 2)
        self.assertIn("nothing is due", self.run_pki(
            "renew", "--all", "--within", "0", "--no-p12").stdout)
        self.run_pki("renew", code=2)
        self.run_pki("renew", "a", "--all", code=2)
        self.run_pki("renew", "a", "--within", "3", code=2)
        self.assertIn("no certificate of this CA", self.run_pki(
            "renew", "x", code=1).stderr)

    def test_a_key_that_went_to_its_device(self):
        self.run_pki("init")
        self.run_pki("issue", "a")
        (self.pki / "issued/a.key").unlink()
        done = self.run_pki("renew", "a")
        self.assertIn("a.pem", done.stdout)
        # It would hold the certificate of before.
        self.assertFalse((self.pki / "issued/a.p12").exists())
        (self.pki / "issued/a.pem").unlink()
        self.assertIn("--again", self.run_pki("renew", "a", code=1).stderr)

    def test_a_device_has_one(self):
        self.begin("a")
        self.assertIn("--again", self.run_pki("issue", "a", code=1).stderr)
        for name in ("server", "gateway", "order", "gw-1", "a/b", "..", "ä",
                     "x" * 65):
            self.run_pki("issue", name, code=1)
        self.run_pki("issue", code=2)
        self.run_pki("issue", "a", "b", code=2)
        self.assertEqual(os.listdir(self.pki / "issued").count("a.pem"), 1)

    def test_the_end_of_the_ca(self):
        self.run_pki("init", "--days", 100)
        done = self.run_pki("issue", "a", "--no-p12")
        self.assertIn("its CA ends then", done.stdout)
        ca, a = self.certificate("ca.pem"), self.certificate("issued/a.pem")
        self.assertEqual(a.not_valid_after, ca.not_valid_after)
        self.assertIn("has ended", self.shifted(101 * 86400, "issue", "b"))
        for days in ("0", "36501", "-1", "x"):
            self.run_pki("issue", "b", "--days", days, code=2)

    def shifted(self, seconds, *words, code=1):
        shift = self.folder / "shift"
        shift.write_text(str(int(seconds)))
        return self.run_pki(*words, code=code, environment=preloaded(SHIM)
                            | {"EDGE_CLOCK_SHIFT": str(shift)}).stderr

    def test_a_clock_that_was_never_set(self):
        self.assertIn("before this program was built",
                      self.shifted(-time.time() + 1000, "init"))
        self.assertFalse(self.pki.exists())
        self.begin("till-1")
        for words in (["issue", "a"], ["server"], ["renew", "server"]):
            self.assertIn("set it", self.shifted(-time.time() + 1000, *words))
        # A lost till does not wait for the clock.
        self.shifted(-time.time() + 1000, "revoke", "till-1", code=0)
        self.assertEqual(len(list(self.crl())), 1)
        self.assertGreater(list(self.crl())[0].revocation_date.year, 2025)


class FilesTest(PkiCase):
    def modes(self):
        return {str(path.relative_to(self.data)):
                (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid)
                for path in [self.pki, *self.pki.rglob("*")]}

    def test_nobody_else_reads_them(self):
        os.umask(0)
        self.addCleanup(os.umask, 0o022)
        owner = os.getuid()
        if owner == 0:
            owner = NOBODY
            os.chown(self.data, NOBODY, NOBODY)
        self.begin("till-1")
        self.run_pki("issue", "till-2")
        self.run_pki("revoke", "till-1")
        self.run_pki("renew", "--all")
        for path, (mode, uid) in self.modes().items():
            folder = path in ("pki", "pki/issued")
            self.assertEqual(mode, 0o700 if folder else 0o600, path)
            self.assertEqual(uid, owner, path)

    @unittest.skipUnless(os.getuid() == 0, "only root can become another user")
    def test_root_is_not_led_elsewhere(self):
        """Goal: whoever owns the folder cannot make root write elsewhere."""
        os.chown(self.data, NOBODY, NOBODY)
        self.begin()
        shutil.rmtree(self.pki / "issued")
        target = self.folder / "roots"
        target.mkdir(mode=0o700)
        os.symlink(target, self.pki / "issued")
        os.lchown(self.pki / "issued", NOBODY, NOBODY)
        self.run_pki("issue", "a", code=1)
        self.assertEqual(os.listdir(target), [])

    def test_another_folder(self):
        other = ["--dir", self.folder / "stick"]
        self.run_pki("init", place=other)
        self.run_pki("server", place=other, code=2)
        done = self.run_pki("server", "--dns", "gw.local", place=other)
        self.assertIn("broker.tls", done.stderr)
        self.pki = self.folder / "stick"
        names = self.certificate("server.pem").extensions \
            .get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertNotIn(socket.gethostname(),
                         names.get_values_for_type(x509.DNSName))
        self.assertEqual(stat.S_IMODE(self.pki.stat().st_mode), 0o700)
        self.run_pki("list", "--data", self.data, place=other, code=2)
        # The key may be elsewhere, once all is made.
        (self.pki / "ca.key").unlink()
        self.run_pki("list", place=other)
        self.assertIn("where the CA's key is kept", self.run_pki(
            "issue", "a", place=other, code=1).stderr)

    def test_damaged(self):
        self.begin("till-1")
        good = {name: (self.pki / name).read_bytes()
                for name in ("ca.pem", "ca.key", "index")}
        for name, bytes_, said in [
                ("ca.pem", b"hello", "holds no certificate"),
                ("ca.pem", b"", "holds no certificate"),
                ("ca.key", b"hello", "not the key"),
                ("ca.key", (self.pki / "server.key").read_bytes(),
                 "not the key"),
                ("index", b"hello\n", "line 1"),
                ("index", good["index"][:-7], "line"),
                ("issued/till-1.key", good["ca.key"], "not the key"),
                ("issued/till-1.pem", b"x", "no certificate of this CA"),
                ("change", b"x", "change is damaged")]:
            with self.subTest(name, bytes=bytes_[:20]):
                path = self.pki / name
                before = path.read_bytes() if path.exists() else None
                path.write_bytes(bytes_)
                done = self.run_pki("renew", "till-1", "--no-p12", code=1)
                self.assertIn(said, done.stderr)
                if before is None:
                    path.unlink()
                else:
                    path.write_bytes(before)
        self.run_pki("renew", "till-1", "--no-p12")
        done = self.run_pki("list", place=["--data", self.folder], code=1)
        self.assertIn("there is no CA", done.stderr)
        done = self.run_pki("list", place=["--data", "/" + "x" * 2000], code=1)
        self.assertIn("too long", done.stderr)

    def test_a_folder_that_is_none(self):
        """Goal: a name that was mistyped leaves nothing behind."""
        nowhere = self.folder / "nowhere"
        for words in (["server"], ["issue", "a"], ["renew", "--all"],
                      ["revoke", "a"], ["list"]):
            for place in (["--data", nowhere], ["--dir", nowhere]):
                done = self.run_pki(*words, place=place, code=None)
                self.assertIn(done.returncode, (1, 2))
                self.assertFalse(nowhere.exists(), words)
        self.run_pki("init", place=["--data", nowhere])
        self.assertTrue((nowhere / "pki/ca.pem").exists())

    def test_side_by_side(self):
        """Goal: of commands at one time each is done, or says that it is not."""
        self.begin()
        running = [subprocess.Popen(
            [PROGRAM, "pki", "issue", f"till-{i}", "--no-p12", "--data",
             str(self.data)], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True) for i in range(12)]
        done = 0
        for process in running:
            _, said = process.communicate(timeout=60)
            done += process.returncode == 0
            if process.returncode != 0:
                self.assertIn("another command is at work", said)
        self.assertGreater(done, 0)
        self.assertEqual(len(self.listed(kind="device")), done)
        self.assertEqual(len(os.listdir(self.pki / "issued")), 2 * done)


class KillTest(PkiCase):
    """kill -9 in front of each call that changes the disk."""

    def pairs(self):
        """Every certificate with its key; those of devices by the index."""
        self.assertEqual(public(self.certificate("ca.pem")),
                         public(self.key("ca.key")))
        for name in ("server", "issued/a"):
            if (self.pki / f"{name}.pem").exists():
                self.assertEqual(public(self.certificate(f"{name}.pem")),
                                 public(self.key(f"{name}.key")), name)
        self.assertTrue(self.crl().is_signature_valid(
            self.certificate("ca.pem").public_key()))
        return [entry["serial"] for entry in self.listed()]

    def killed_everywhere(self, begin, words):
        log = self.folder / "calls"
        for at in range(1, 1000):
            shutil.rmtree(self.data)
            self.data.mkdir()
            begin()
            log.unlink(missing_ok=True)
            done = self.run_pki(*words, code=None,
                                environment=preloaded(KILL_SHIM)
                                | {"EDGE_KILL_AT": str(at),
                                   "EDGE_KILL_LOG": str(log)})
            killed = done.returncode == -signal.SIGKILL
            self.assertTrue(killed or done.returncode == 0, done.stderr)
            yield killed
            if not killed:
                print(f"figure: pki {words[0]}: killed in front of each of "
                      f"{at - 1} calls")
                self.assertGreater(at, 10)
                return
        self.fail("it never ended")

    def test_init(self):
        for _ in self.killed_everywhere(lambda: None, ["init"]):
            again = self.run_pki("init", code=None)
            if again.returncode != 0:
                self.assertIn("is there already", again.stderr)
            self.run_pki("server")
            self.pairs()

    def a_server(self):
        self.run_pki("init")
        self.run_pki("server")

    def a_device(self):
        self.a_server()
        self.run_pki("issue", "a", "--no-p12")

    def test_a_new_server_key(self):
        for _ in self.killed_everywhere(self.a_server, ["server"]):
            before = len(self.listed(kind="server"))
            self.run_pki("issue", "b", "--no-p12")
            self.assertEqual(len(self.listed(kind="server")), before)
            self.pairs()

    def test_a_new_key_of_a_device(self):
        for _ in self.killed_everywhere(
                self.a_device, ["renew", "a", "--new-key", "--no-p12"]):
            self.run_pki("issue", "b", "--no-p12")
            serials = self.pairs()
            held = self.certificate("issued/a.pem").serial_number
            self.assertIn(f"{held:X}", serials)
            self.assertEqual(f"{held:X}", self.listed(name="a")[-1]["serial"])

    def test_revoke(self):
        for _ in self.killed_everywhere(self.a_device, ["revoke", "a"]):
            revoked = self.listed(name="a")[0]["state"] == "revoked"
            self.run_pki("issue", "b", "--no-p12")
            self.assertEqual(len(list(self.crl())), int(revoked))
            self.assertEqual((self.pki / "issued/a.pem").exists(), not revoked)
            self.pairs()


class BrokerTest(PkiCase):
    """Mosquitto and two clients: python's ssl, paho."""

    def start(self):
        self.port = free_port()
        path = self.folder / "mosquitto.conf"
        path.write_text(f"""user root
listener {self.port} 127.0.0.1
allow_anonymous true
require_certificate true
cafile {self.pki}/ca.pem
certfile {self.pki}/server.pem
keyfile {self.pki}/server.key
crlfile {self.pki}/crl.pem
""")
        process = subprocess.Popen(["/usr/sbin/mosquitto", "-c", str(path)],
                                   stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)

        def stop():
            process.kill()
            process.wait()
        self.addCleanup(stop)
        wait_for("the broker listens", self.listens, 20)
        return process

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def connects(self, device, host="localhost"):
        """By python's ssl, which checks the gateway's name."""
        context = ssl.create_default_context(cafile=self.pki / "ca.pem")
        context.load_cert_chain(self.kept / f"{device}.pem",
                                self.kept / f"{device}.key")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as raw, \
                    context.wrap_socket(raw, server_hostname=host) as link:
                link.sendall(b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02aa")
                return link.recv(4) == b"\x20\x02\x00\x00"
        except (ssl.SSLError, ConnectionError):
            return False

    def test_accepted_and_revoked(self):
        self.begin("till-1", "till-2")
        self.kept = self.folder / "kept"
        shutil.copytree(self.pki / "issued", self.kept)
        broker = self.start()
        self.assertTrue(self.connects("till-1"))
        self.assertTrue(self.connects("till-1", "127.0.0.1"))
        self.assertFalse(self.connects("till-1", "other.example"))
        heard = []
        client = mqtt.Client(client_id="till-2")
        client.tls_set(str(self.pki / "ca.pem"), str(self.kept / "till-2.pem"),
                       str(self.kept / "till-2.key"))
        client.on_connect = lambda *words: heard.append(words[3])
        client.connect("localhost", self.port)
        client.loop_start()
        wait_for("paho is connected", lambda: heard == [0], 20)
        client.loop_stop()
        client.disconnect()
        self.run_pki("revoke", "till-1")
        self.run_pki("renew", "server", "--new-key")
        broker.send_signal(signal.SIGHUP)
        wait_for("the revoked one is refused",
                 lambda: not self.connects("till-1"), 20)
        self.assertTrue(self.connects("till-2"))


class GatewayTest(unittest.TestCase):
    """Beside a running gateway."""

    def client(self, store, name):
        client = mqtt.Client(client_id=name)
        client.went = []
        client.came = []
        client.on_connect = lambda *words: client.came.append(words[3])
        client.on_disconnect = lambda *words: client.went.append(words[2])
        client.tls_set(str(store.pki / "ca.pem"),
                       str(store.folder / f"kept/{name}.pem"),
                       str(store.folder / f"kept/{name}.key"))
        client.connect("localhost", store.tls_port)
        client.loop_start()
        self.addCleanup(client.loop_stop)
        wait_for(f"{name} is let in", lambda: client.came == [0], 20)
        return client

    def serial(self, store):
        """Of the certificate that the gateway shows."""
        context = ssl.create_default_context(cafile=store.pki / "ca.pem")
        context.load_cert_chain(store.folder / "kept/till-2.pem",
                                store.folder / "kept/till-2.key")
        with socket.create_connection(("127.0.0.1", store.tls_port), 5) as raw, \
                context.wrap_socket(raw, server_hostname="localhost") as link:
            return link.getpeercert()["serialNumber"]

    def check_shown(self, store):
        """Status, API and metrics say when what ends."""
        def day(name):
            return x509.load_pem_x509_certificate(
                (store.pki / name).read_bytes()).not_valid_after
        server, ca, device = map(day, ("server.pem", "ca.pem",
                                       "issued/till-2.pem"))
        done = subprocess.run([EDGE, "status", "--config", store.config_path],
                              text=True, capture_output=True)
        name = json.loads(pki(store, "list", "--json").stdout.split("\n")[0])
        self.assertIn(f"certificates: the gateway's until {server:%Y-%m-%d}, "
                      f"{name['name']} until {ca:%Y-%m-%d}, till-2 until "
                      f"{device:%Y-%m-%d}\n", done.stdout)
        self.assertEqual(store.gateway.status()["tls"], {
            "server_ends": f"{server:%Y-%m-%dT%H:%M:%SZ}",
            "ca": name["name"], "ca_ends": f"{ca:%Y-%m-%dT%H:%M:%SZ}",
            "device": "till-2", "device_ends": f"{device:%Y-%m-%dT%H:%M:%SZ}",
            "crl_ends": None})
        with urllib.request.urlopen(
                f"http://127.0.0.1:{store.page_port}/metrics") as answer:
            ends = dict(re.findall(
                r'certificate_end_timestamp_seconds\{of="(\w+)"\} (\d+)',
                answer.read().decode()))
        utc = datetime.timezone.utc
        self.assertEqual(ends, {
            of: str(int(end.replace(tzinfo=utc).timestamp()))
            for of, end in (("gateway", server), ("ca", ca),
                            ("device", device))})

    def test_at_once(self):
        """Goal: a revoked device is cut and stays out when the command is done,
        a new certificate of the gateway is shown, and nobody else is cut."""
        with tls_store() as store:
            pki(store, "init")
            pki(store, "server")
            for name in ("till-1", "till-2"):
                pki(store, "issue", name, "--no-p12")
            shutil.copytree(store.pki / "issued", store.folder / "kept")
            store.gateway.start().wait_up()
            for name in ("till-1", "till-2"):
                subprocess.run([EDGE, "device", "add", name, "--certificate",
                                "--config", store.config_path], check=True,
                               capture_output=True)
            lost, other = (self.client(store, n) for n in ("till-1", "till-2"))
            lost.reconnect_delay_set(1, 1)
            began = time.monotonic()
            said = pki(store, "revoke", "till-1")
            took = time.monotonic() - began
            self.assertIn("has taken it", said.stderr)
            wait_for("it is cut", lambda: lost.went, 2)
            time.sleep(3)
            self.assertEqual([code for code in lost.came if code == 0], [0])
            for words in (["renew", "server"], ["server"],
                          ["renew", "server", "--new-key"]):
                said = pki(store, *words)
                self.assertIn("has taken it", said.stderr)
                shown = x509.load_pem_x509_certificate(
                    (store.pki / "server.pem").read_bytes()).serial_number
                wait_for("the newest one is shown", lambda:
                         int(self.serial(store), 16) == shown, 5)
            self.assertEqual((other.came, other.went), ([0], []))
            self.check_shown(store)
            print(f"figure: a revocation was in force after {took:.2f} s")
            # It is in force after the next start, too.
            store.gateway.stop()
            store.gateway.start().wait_up()
            lost.came.clear()
            wait_for("the other is back", lambda: other.came == [0, 0], 60)
            time.sleep(2)
            self.assertNotIn(0, lost.came)


if __name__ == "__main__":
    unittest.main()
