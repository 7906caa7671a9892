# SPDX-License-Identifier: Apache-2.0
"""Goal: at the site's own broker the gateway logs in by name, password and TLS;
it trusts no other broker, says why it cannot connect, and a renewed password or
authority needs no restart."""

import pathlib
import socket
import ssl
import subprocess
import threading
import unittest
import warnings
from types import SimpleNamespace

from broker_test import External, lines
from edge import Device, Store, free_port, mqtt, wait_for


def run(*words):
    subprocess.run([str(word) for word in words], check=True,
                   stdin=subprocess.DEVNULL, capture_output=True)


class Authority:
    def __init__(self, folder, name):
        self.folder, self.name = pathlib.Path(folder), name
        self.pem, self.key = self.paths(name)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-days", 2, "-subj",
            f"/CN={name}", "-keyout", self.key, "-out", self.pem)

    def paths(self, name):
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def issue(self, name, alternatives):
        pem, key = self.paths(f"{self.name}-{name}")
        asked = self.folder / "asked.pem"
        run("openssl", "req", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-addext", f"subjectAltName={alternatives}", "-keyout", key,
            "-out", asked)
        run("openssl", "x509", "-req", "-in", asked, "-CA", self.pem, "-CAkey",
            self.key, "-CAcreateserial", "-days", 2, "-copy_extensions", "copy",
            "-out", pem)
        key.chmod(0o600)
        return pem, key


class Site(External):
    """With accounts, and TLS on a port of its own; the plain one is for the
    test's own devices."""

    def __init__(self, store_folder, certificate, *extra, password="s3cr3t-1"):
        self.tls_port = free_port()
        self.passwords = pathlib.Path(store_folder) / "passwords"
        self.set_password(password)
        pem, key = certificate
        super().__init__(
            f"password_file {self.passwords}", "user root",
            f"listener {self.tls_port} 127.0.0.1", f"certfile {pem}",
            f"keyfile {key}", *extra)
        self.config.write_text(self.config.read_text().replace(
            "allow_anonymous true", "allow_anonymous false"))
        self.process.kill()
        self.process.wait()
        self.start()

    def set_password(self, password):
        self.passwords.write_text("")
        run("mosquitto_passwd", "-b", self.passwords, "gw", password)
        run("mosquitto_passwd", "-b", self.passwords, "till-1", "t1ll")

    def restart(self):
        self.process.kill()
        self.process.wait()
        self.start()


class SiteDevice(Device):
    """One that logs in."""

    def __init__(self, store, name, port):
        real = mqtt.Client.connect

        def connect(client, *where):
            client.username_pw_set("till-1", "t1ll")
            return real(client, *where)
        mqtt.Client.connect = connect
        try:
            super().__init__(store, name, port)
        finally:
            mqtt.Client.connect = real


class ExternalTest(unittest.TestCase):
    def setUp(self):
        self.store = Store(cloud=False, broker_address=free_port())
        self.addCleanup(self.store.__exit__, None, None, None)
        self.gateway = self.store.gateway
        self.authority = Authority(self.store.folder, "site")
        self.secret = self.store.folder / "secret"
        self.put_secret("s3cr3t-1")
        self.good = self.store.config_path.read_text()

    def put_secret(self, text):
        self.secret.write_text(text + "\n")
        self.secret.chmod(0o600)

    def site(self, name="localhost", alternatives="DNS:localhost", authority=None,
             extra=(), **more):
        certificate = (authority or self.authority).issue(name, alternatives)
        site = Site(self.store.folder, certificate, *extra, **more)
        self.addCleanup(site.__exit__)
        return site

    def configure(self, site, host="localhost", ca=None, own=""):
        self.store.config_path.write_text(self.good.replace(
            f'"127.0.0.1:{self.store.broker_port}"',
            f'"{host}:{site.tls_port}", user: gw, '
            f"password_file: {self.secret}, client_tls: {{ca_file: "
            f"{ca or self.authority.pem}{own}}}"))

    def sells(self, site, order="o-1"):
        device = SiteDevice(self.store, "till-1", site.port)
        device.send(device.order(order))
        device.wait_accepted([f"e-{order}"])
        device.close()

    def refused(self, words):
        self.gateway.start()
        wait_for(f"the log says {words}",
                 lambda: words in self.gateway.log(), 20)
        self.assertFalse(self.gateway.status()["broker"]["up"])

    def test_name_password_and_tls(self):
        site = self.site()
        self.configure(site)
        self.gateway.start().wait_up()
        self.sells(site)
        log = self.gateway.log()
        self.assertNotIn("s3cr3t", log)
        process = pathlib.Path(f"/proc/{self.gateway.process.pid}")
        for name in ("cmdline", "environ"):
            self.assertNotIn(b"s3cr3t", (process / name).read_bytes())
        # It comes back by itself, again and again.
        for round_ in range(5):
            site.restart()
            self.gateway.wait_up()
            self.sells(site, f"again-{round_}")
        self.assertEqual(self.gateway.stop(), 0)

    def test_a_certificate_of_the_gateway_s(self):
        site = self.site(extra=(f"cafile {self.authority.pem}",
                                "require_certificate true"))
        pem, key = self.authority.issue("gw", "DNS:gw")
        self.configure(site, own=f", cert_file: {pem}, key_file: {key}")
        self.gateway.start().wait_up()
        self.sells(site)

    def test_an_address_in_the_certificate(self):
        site = self.site(name="broker", alternatives="IP:127.0.0.1")
        self.configure(site, host="127.0.0.1")
        self.gateway.start().wait_up()
        self.sells(site)

    def test_another_authority_s(self):
        other = Authority(self.store.folder, "other")
        self.configure(self.site(authority=other))
        self.refused("broker_lost")

    def test_another_host_s(self):
        self.configure(self.site(name="elsewhere",
                                 alternatives="DNS:elsewhere.example"))
        self.refused("broker_lost")

    def test_tls_1_3(self):
        site = self.site(extra=("tls_version tlsv1.3",))
        self.configure(site)
        self.gateway.start().wait_up()
        self.sells(site)
        self.assertEqual(lines(self.gateway, "broker_lost"), [])

    def test_only_tls_1_1(self):
        """The floor is TLS 1.2: such a broker is told so, and left."""
        pem, key = self.authority.issue("localhost", "DNS:localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1_1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.load_cert_chain(pem, key)
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        said = []

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                    with connection:
                        context.wrap_socket(connection, server_side=True)
                        said.append("a TLS 1.1 connection")
                except OSError as error:  # ssl.SSLError is one
                    said.append(str(error))
                    if listener.fileno() < 0:
                        return

        threading.Thread(target=serve, daemon=True).start()
        self.configure(SimpleNamespace(tls_port=listener.getsockname()[1]))
        self.refused("broker_lost")
        wait_for("it is for the version", lambda: any(
            "PROTOCOL" in text.upper() for text in said))
        self.assertNotIn("a TLS 1.1 connection", said)

    def test_a_wrong_password_and_then_the_right_one(self):
        site = self.site(password="s3cr3t-2")
        self.configure(site)
        self.refused("refuses the gateway's user name or password")
        self.put_secret("s3cr3t-2")
        self.gateway.process.send_signal(1)
        self.gateway.wait_up()
        self.sells(site)

    def test_a_new_authority(self):
        other = Authority(self.store.folder, "other")
        ca = self.store.folder / "ca.pem"
        ca.write_text(self.authority.pem.read_text())
        site = self.site(authority=other)
        self.configure(site, ca=ca)
        self.refused("broker_lost")
        ca.write_text("nothing\n")
        self.gateway.process.send_signal(1)
        wait_for("it says so", lambda: lines(
            self.gateway, "site_login reason=\"broker.client_tls.ca_file"))
        ca.write_text(other.pem.read_text())
        self.gateway.process.send_signal(1)
        self.gateway.wait_up()
        self.sells(site)

    def test_a_start_with_files_of_no_use(self):
        site = self.site()
        for content, words in (("", "expected a password of 1 to"),
                               ("x" * 300, "expected a password of 1 to")):
            self.put_secret(content)
            self.configure(site)
            self.gateway.start()
            self.assertEqual(self.gateway.process.wait(15), 1)
            self.gateway.process = None
            self.assertIn(words, self.gateway.log())
        self.put_secret("s3cr3t-1")
        pem, _ = self.authority.issue("gw", "DNS:gw")
        _, key = self.authority.issue("other", "DNS:gw")
        self.configure(site, own=f", cert_file: {pem}, key_file: {key}")
        self.gateway.start()
        self.assertEqual(self.gateway.process.wait(15), 1)
        self.gateway.process = None
        self.assertIn("broker.client_tls.key_file", self.gateway.log())


if __name__ == "__main__":
    unittest.main()
