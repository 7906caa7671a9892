# SPDX-License-Identifier: Apache-2.0
"""A store whose broker lets in by account and by certificate: listeners of each
kind, its authority, and what the gateway said and counted of those it refused."""

import re
import socket
import ssl
import subprocess
import urllib.request

from identity_authority import Authority
from edge import EDGE, Store, free_port

LOG_LINE = re.compile(r"refused why=(\S+) (.*)")


def other_address():
    """An address of this machine that is not loopback. No packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


def context(pki, device=None):
    """A client's TLS by the CA in that folder."""
    tls = ssl.create_default_context(cafile=pki / "ca.pem")
    if device:
        tls.load_cert_chain(pki / f"issued/{device}.pem",
                            pki / f"issued/{device}.key")
    return tls


class IdentityStore(Store):
    """Ports: `open` (anonymous, loopback), `plain`, `tls` (accounts), `certs`.
    The authority is the test's, or with own_pki the store's: shopme-edge pki."""

    def __init__(self, anonymous=True, connections=1000, own_pki=False, **more):
        super().__init__(**more)
        self.open, self.plain, self.tls, self.certs = (
            self.broker_port, free_port(), free_port(), free_port())
        self.authority = None
        if not own_pki:
            self.authority = Authority(self.folder / "ca")
            self.authority.issue("server", server=True)
        files = self.folder / "ca"
        tls = "" if own_pki else f"""  tls: {{cert_file: {files}/server.pem, \
key_file: {files}/server.key, ca_file: {files}/ca.pem, \
crl_file: {files}/crl.pem}}
"""
        entries = [
            f'{{address: "0.0.0.0:{self.plain}"}}',
            f'{{address: "0.0.0.0:{self.tls}", tls: true}}',
            f'{{address: "0.0.0.0:{self.certs}", tls: true, '
            "certificates: true}"]
        if anonymous:
            entries.insert(0, f'{{address: "127.0.0.1:{self.open}", '
                              "anonymous: true}")
        lines = "".join(f"    - {entry[:-1]}, connections: {connections}}}\n"
                        for entry in entries)
        text = self.config_path.read_text()
        old = next(line for line in text.splitlines()
                   if line.startswith("broker:"))
        self.config_path.write_text(text.replace(old, f"""broker:
  mode: embedded
  listen:
{lines}{tls}"""))

    def revoke(self, *names):
        """By a list that the gateway reads at its next start or hangup."""
        for name in names:
            self.authority.revoke(name)
        self.authority.crl()

    def begin_pki(self, *devices):
        """Our own CA, the server's certificate, and one for each device."""
        self.command("pki", "init")
        self.command("pki", "server")
        for device in devices:
            self.command("pki", "issue", device, "--no-p12")
        return self

    def context(self, device=None):
        """A client's TLS by our own CA."""
        return context(self.folder / "data/pki", device)

    def add_accounts(self, names, **rights):
        """Before the gateway's start, in one set."""
        put, self.accounts.put = self.accounts.put, lambda *_: None
        try:
            for name in names[:-1]:
                self.accounts.add(name, **rights)
        finally:
            self.accounts.put = put
        self.accounts.add(names[-1], **rights)

    def command(self, *words, stdin=None):
        done = subprocess.run(
            [EDGE, *words, "--config", self.config_path], input=stdin,
            capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout.strip()

    # --- What it says of those it refused ---

    def log_size(self):
        return self.gateway.log_path.stat().st_size

    def refused(self, since=0):
        """(reason, line) of each line of the log from there on."""
        with open(self.gateway.log_path, "rb") as log:
            log.seek(since)
            return [(match[1], match[2]) for match in
                    LOG_LINE.finditer(log.read().decode(errors="replace"))]

    def refusals(self):
        """The counters, by reason."""
        page = f"http://127.0.0.1:{self.page_port}/metrics"
        with urllib.request.urlopen(page, timeout=10) as answer:
            text = answer.read().decode()
        return {reason: int(count) for reason, count in re.findall(
            r'^shopme_edge_devices_refused_total\{[^}]*reason="([^"]+)"\} (\d+)$',
            text, re.M)}
