# SPDX-License-Identifier: Apache-2.0
"""Certificates made by the openssl command when a test runs: an authority, and
what it issues, out of date if asked for."""

import datetime
import subprocess


def _openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True,
                   capture_output=True, text=True, stdin=subprocess.DEVNULL)


def _date(days):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


class Authority:
    """An authority of its own in `folder`; its certificate is `path`."""

    def __init__(self, folder, name="ca"):
        self._folder = folder
        self._key, self.path = folder / f"{name}.key", folder / f"{name}.pem"
        self._database = folder / f"{name}.database"
        self._database.write_text("")
        self._config = folder / f"{name}.cnf"
        self._config.write_text(
            "[ca]\ndefault_ca = here\n[here]\n"
            f"database = {self._database}\nnew_certs_dir = {folder}\n"
            f"certificate = {self.path}\nprivate_key = {self._key}\n"
            "default_md = sha256\nrand_serial = yes\npolicy = any\n"
            "unique_subject = no\ncopy_extensions = copy\n"
            "[any]\ncommonName = supplied\n")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-days", 30, "-subj",
                 f"/CN=test {name}", "-keyout", self._key, "-out", self.path)

    def issue(self, folder, name, begins=-1, ends=30, hosts=""):
        """folder/name.pem and name.key, valid between these days from now.
        `hosts` e.g. "IP:127.0.0.1,DNS:localhost"."""
        request = folder / f"{name}.csr"
        key, path = folder / f"{name}.key", folder / f"{name}.pem"
        words = ["-addext", f"subjectAltName={hosts}"] if hosts else []
        _openssl("req", "-new", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                 "-keyout", key, "-out", request, *words)
        key.chmod(0o600)
        _openssl("ca", "-batch", "-config", self._config, "-notext",
                 "-startdate", _date(begins), "-enddate", _date(ends),
                 "-in", request, "-out", path)
        request.unlink()
        return path, key
