# SPDX-License-Identifier: Apache-2.0
"""Authorities and certificates for the tests, made at run time by the openssl
program: right ones, and each kind of wrong one."""

import os
import pathlib
import ssl
import subprocess

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    """A CA in a folder; `issue` makes NAME.pem and NAME.key there."""

    def __init__(self, folder, name="store CA"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.serial = 0x1000
        self._run("req", "-x509", *EC, "-days", "30", "-subj", f"/CN={name}",
                  "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                  "-keyout", "ca.key", "-out", "ca.pem")
        (self.folder / "index.txt").write_text("")
        (self.folder / "crlnumber").write_text("01\n")
        (self.folder / "serial").write_text("1000\n")
        (self.folder / "ca.conf").write_text(f"""[ca]
default_ca = one
[one]
dir = {self.folder}
database = {self.folder}/index.txt
serial = {self.folder}/serial
crlnumber = {self.folder}/crlnumber
certificate = {self.folder}/ca.pem
private_key = {self.folder}/ca.key
new_certs_dir = {self.folder}
default_md = sha256
policy = any
unique_subject = no
email_in_dn = no
[any]
commonName = supplied
""")

    def _run(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def issue(self, name, cn=None, begins=None, ends=None, server=False):
        """`begins` and `ends` as YYYYMMDDHHMMSSZ."""
        self._run("req", "-new", *EC, "-keyout", f"{name}.key", "-out",
                  f"{name}.csr", "-subj", f"/CN={cn or name}")
        more = []
        if server:
            ext = self.folder / f"{name}.ext"
            ext.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n"
                           "extendedKeyUsage=serverAuth\n")
            more = ["-extfile", ext.name]
        self._run("ca", "-batch", "-notext", "-config", "ca.conf", "-in",
                  f"{name}.csr", "-out", f"{name}.pem",
                  *(("-startdate", begins) if begins else ()),
                  *(("-enddate", ends) if ends else ("-days", "20")), *more)
        os.chmod(self.folder / f"{name}.key", 0o600)
        return self

    def revoke(self, name):
        self._run("ca", "-config", "ca.conf", "-revoke", f"{name}.pem")
        return self

    def crl(self, days=30):
        """The list as PEM, in crl.pem."""
        self._run("ca", "-config", "ca.conf", "-gencrl", "-crldays", str(days),
                  "-out", "crl.pem")
        return self.bytes("crl.pem")

    def serial_of(self, name):
        out = subprocess.run(["openssl", "x509", "-noout", "-serial", "-in",
                              f"{name}.pem"], cwd=self.folder, check=True,
                             capture_output=True, text=True).stdout
        return out.strip().split("=")[1].upper()

    def bytes(self, name):
        return (self.folder / name).read_bytes()

    def context(self, name=None, only=None, trusted=None):
        """A client's TLS: with the certificate NAME; `only` of that version."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.load_verify_locations((trusted or self).folder / "ca.pem")
        tls.check_hostname = False  # by address too
        if only:
            tls.set_ciphers("ALL:@SECLEVEL=0")
            tls.minimum_version = tls.maximum_version = only
        if name:
            tls.load_cert_chain(self.folder / f"{name}.pem",
                                self.folder / f"{name}.key")
        return tls
