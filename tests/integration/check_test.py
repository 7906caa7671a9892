# SPDX-License-Identifier: Apache-2.0
"""Goal: `check` finds what a start would, all of it at once, each with the
place of its key; and `run` refuses the same with the same words, before it has
changed anything."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from edge import EDGE, Store, free_port

PROGRAM = os.environ.get("EDGE_BIN", str(EDGE))
EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "config/shopme-edge.yaml"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
NOBODY = 65534
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


PROXIES = ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY")


def run(*words, keys=True, profile=None, extra=None, **more):
    """`profile`: where another user's run over the coverage build leaves what
    it counted."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("AWS_") and name not in PROXIES}
    environment |= extra or {}
    if profile is not None:
        environment["GCOV_PREFIX"] = str(profile)
    return subprocess.run([PROGRAM, *map(str, words)], text=True, timeout=60,
                          capture_output=True, stdin=subprocess.DEVNULL,
                          env=environment | (KEYS if keys else {}), **more)


class CheckCase(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="edge-check-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.config = self.folder / "edge.yaml"
        self.broker_port, self.page_port = free_port(), free_port()

    def write(self, **changed):
        """A configuration that can start, but for what is changed; a line
        each, so that a finding's line says its key."""
        keys = {"data": self.folder / "data",
                "control_socket": self.folder / "control.sock",
                "free_floor": 0, "program": "/usr/sbin/mosquitto",
                "listen": f"127.0.0.1:{self.broker_port}",
                "ca_file": CERTIFICATES, "region": "eu-central-1",
                "currency": "EUR",
                "page": f"127.0.0.1:{self.page_port}"} | changed
        self.config.write_text(f"""store: s1
data: {keys["data"]}
control_socket: {keys["control_socket"]}
free_floor: {keys["free_floor"]}
broker:
  program: {keys["program"]}
  listen: {keys["listen"]}
streams:
  - name: orders
    shop: true
    sink:
      eventbridge: {{bus: b}}
  - name: telemetry
cloud:
  region: {keys["region"]}
  ca_file: {keys["ca_file"]}
shop: {{currency: {keys["currency"]}}}
console: {{listen: "{keys["page"]}"}}
""")

    def check(self, *words, **more):
        return run("check", "--config", self.config, *words, **more)

    def is_error(self, place, *words, **more):
        """`check` says so, `run` says the same, and nothing was changed."""
        before = sorted(self.folder.rglob("*"))
        done = self.check(**more)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith(f"{self.config}:{place}: "),
                        lines[0])
        for word in words:
            self.assertIn(word, lines[0])
        started = run("run", "--config", self.config, **more)
        self.assertEqual(started.returncode, 1)
        self.assertEqual(started.stderr, done.stderr)
        self.assertEqual(sorted(self.folder.rglob("*")), before)

    def is_warning(self, place, *words, **more):
        done = self.check(**more)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(": ok\n", done.stdout)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith(
            f"warning: {self.config}:{place}: "), lines[0])
        for word in words:
            self.assertIn(word, lines[0])


class Errors(CheckCase):
    def test_nothing_is_wrong(self):
        self.write()
        done = self.check()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.splitlines()[0], f"{self.config}: ok")
        self.assertFalse((self.folder / "data").exists())

    def test_the_broker_s_program(self):
        text = self.folder / "mosquitto"
        text.write_text("no program\n")
        text.chmod(0o644)
        for program, why in (("/no/mosquitto", "No such file or directory"),
                             (text, "Permission denied"),
                             ("/usr/sbin", "Is a directory")):
            with self.subTest(program=program):
                self.write(program=program)
                self.is_error("6:12", f"cannot run {program}: {why}",
                              "install mosquitto")

    def test_an_address_that_lets_in_anybody(self):
        """As release 0.1.0 took it: the list to write instead is said."""
        self.write(listen="0.0.0.0:1883")
        self.is_error("7:11", "where anybody would be let in",
                      'listen: [{address: "0.0.0.0:1883"}]')

    def test_secrets_of_an_external_broker(self):
        secret = self.folder / "secret"
        secret.write_text("password\n")
        self.write(program="unused")
        good = self.config.read_text().replace(
            "  program: unused\n",
            f"  mode: external\n  user: u\n  password_file: {secret}\n"
            f"  client_tls: {{ca_file: {CERTIFICATES}}}\n").replace(
            "  listen:", "  address:")
        self.config.write_text(good)
        for mode in (0o640, 0o604):
            secret.chmod(mode)
            self.is_error("8:18", f"found {secret}", "chmod 600")
        secret.chmod(0o600)
        done = self.check()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("external, 127.0.0.1 port", done.stdout)
        self.assertIn(", TLS", done.stdout)
        secret.unlink()
        self.is_error("8:18", f"cannot read {secret}: No such file")
        secret.write_text("password\n")
        secret.chmod(0o600)
        own = f"{{ca_file: {CERTIFICATES}, cert_file: {secret}, key_file: "
        self.config.write_text(good.replace(
            f"{{ca_file: {CERTIFICATES}", f"{own}/no/key"))
        self.is_error(f"9:{15 + len(own)}", "cannot read /no/key")
        self.config.write_text(good.replace(CERTIFICATES, "/no/ca", 1))
        self.is_error("9:25", "cannot read /no/ca")

    def test_an_external_broker_needs_no_program(self):
        self.write(program="/no/mosquitto")
        self.config.write_text(self.config.read_text().replace(
            "  program: /no/mosquitto\n", "  mode: external\n").replace(
            "  listen:", "  address:"))
        done = self.check()
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_certificates(self):
        other = self.folder / "ca.pem"
        other.write_text("no certificate\n")
        self.write(ca_file="/no/ca.pem")
        self.is_error("16:12", "/no/ca.pem", "set cloud.ca_file to a")
        self.write(ca_file=other)
        self.is_error("16:12", str(other), "set cloud.ca_file to a")

    def test_without_a_sink_no_certificates_are_needed(self):
        self.write(ca_file="/no/ca.pem")
        text = self.config.read_text().replace(
            "    sink:\n      eventbridge: {bus: b}\n", "")
        self.config.write_text(text)
        done = self.check(keys=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_no_credentials(self):
        self.write()
        self.is_error("12:7", "AWS_ACCESS_KEY_ID is not set", keys=False)

    def choose(self, credentials):
        part = self.folder / "conf.d/credentials.yaml"
        part.parent.mkdir(exist_ok=True)
        part.write_text(f"cloud: {{credentials: {{{credentials}}}}}\n")

    def test_which_credentials_serve(self):
        """Goal: it is said which source a start would take; what is missing
        and may come later keeps no store from starting."""
        self.write()
        self.assertIn("\n  AWS credentials: environment, AWS_ACCESS_KEY_ID of "
                      "the environment\n", self.check().stdout)
        self.choose("source: imds")
        self.assertIn("\n  AWS credentials: imds, the instance's metadata",
                      self.check().stdout)
        self.choose('source: process, command: "/bin/false x"')
        self.assertIn("\n  AWS credentials: process, cloud.credentials.command",
                      self.check().stdout)
        for choice, words in (
                ("source: profile, profile: till",
                 "source profile: profile till is not in "),
                ("source: iot, iot: {endpoint: a.example, role_alias: b, "
                 "cert_file: /no/cert.pem}",
                 "source iot: cannot read /no/cert.pem"),
                ("source: iot, iot: {endpoint: a.example, role_alias: b}",
                 "source iot: cloud.credentials.iot.cert_file is not set")):
            self.choose(choice)
            done = self.check()
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stderr,
                             "^warning: .*:12:7: AWS credentials, ")
            self.assertIn(words, done.stderr)
            self.assertNotIn("AWS credentials", done.stdout)
        self.choose("source: container")
        done = self.check()
        self.assertEqual(done.returncode, 1)
        self.assertIn("AWS_CONTAINER_CREDENTIALS_FULL_URI is not set",
                      done.stderr)

    def test_credentials_that_the_unit_reads(self):
        """As on an installed box: root's own environment has none."""
        self.write()
        stem = self.config.name.removesuffix(".yaml")
        theirs = self.folder / f"{stem}.credentials.env"
        theirs.touch()
        done = self.check(keys=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, "^warning: .*:12:7: AWS credentials: none "
                         "in this environment; the systemd unit reads more from "
                         f"{theirs}, which was not looked at\n$")
        packaged = self.config.rename(self.folder / "shopme-edge.yaml")
        done = run("check", "--config", packaged, keys=False)
        self.assertEqual(done.returncode, 1)
        theirs.rename(self.folder / "credentials.env")
        done = run("check", "--config", packaged, keys=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"{self.folder}/credentials.env", done.stderr)
        # A start has only what is in its environment.
        done = run("run", "--config", packaged, keys=False)
        self.assertEqual(done.returncode, 1)

    def test_data_is_a_file(self):
        data = self.folder / "data"
        data.write_text("")
        self.write()
        self.is_error("2:7", f"cannot write in {data}: Not a directory",
                      "expected a folder")

    def test_data_is_below_a_file(self):
        (self.folder / "data").write_text("")
        self.write(data=self.folder / "data/data")
        self.is_error("2:7", "Not a directory", "set `data` to another folder")

    def test_data_is_relative(self):
        self.write(data="data")
        self.is_error("2:7", 'found "data"; expected data: a file name that '
                      "begins with /")

    def test_data_s_parent_is_missing(self):
        self.write(data=self.folder / "no/data")
        self.is_error("2:7", "cannot create the folder", "No such file or "
                      "directory; create its parent")

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
    def test_data_that_the_user_cannot_write(self):
        theirs = tempfile.mkdtemp(prefix="edge-check-")
        self.addCleanup(shutil.rmtree, theirs)
        os.chown(theirs, NOBODY, NOBODY)
        self.write(control_socket=f"{theirs}/control.sock")
        as_nobody = {"user": NOBODY, "profile": theirs}
        self.is_error("2:7", "cannot create the folder", "Permission denied",
                      f"user {NOBODY}", **as_nobody)
        (self.folder / "data").mkdir(mode=0o755)
        self.is_error("2:7", "cannot write in", "Permission denied",
                      f"user {NOBODY}", **as_nobody)

    def test_another_store_s_journal(self):
        """A store that is renamed, as by a file of conf.d that came later."""
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            self.assertEqual(store.gateway.stop(), 0)
            folder = store.folder / "conf.d"
            folder.mkdir()
            (folder / "a.yaml").write_text("store: s2\n")
            done = run("check", "--config", store.config_path)
            self.assertEqual(done.returncode, 1)
            for name in ("orders", "telemetry"):
                self.assertIn(
                    f"{folder}/a.yaml:1:8: the journal belongs to store s1, "
                    f"stream {name}, not to store s2", done.stderr)
            started = run("run", "--config", store.config_path)
            self.assertEqual(started.returncode, 1)
            self.assertIn(started.stderr, done.stderr)

    def test_all_at_once(self):
        """Of the files and of the machine, in one go."""
        self.write(data="/proc/self/status", program="/no/mosquitto",
                   ca_file="/no/ca", region="EU", currency="EUX")
        self.config.write_text(self.config.read_text() + "colour: red\n")
        done = self.check(keys=False)
        self.assertEqual(done.returncode, 1)
        for words in (":2:7: cannot write in /proc/self/status",
                      ":6:12: cannot run /no/mosquitto",
                      ":12:7: AWS_ACCESS_KEY_ID is not set",
                      ":15:11: found \"EU\"",
                      ":16:12: cannot read CA certificates",
                      ":17:18: found EUX", ":19:1: found the unknown key"):
            self.assertIn(words, done.stderr)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 7)
        self.assertEqual([line.startswith("warning: ") for line in lines],
                         [True] + 6 * [False])  # the cause comes last

    def test_an_empty_file(self):
        """It has no defaults, so the machine is not looked at."""
        for text in ("", "# nothing\n"):
            with self.subTest(text=text):
                self.config.write_text(text)
                self.is_error("1:1", "found an empty file")

    def test_more_than_are_shown(self):
        self.write()
        self.config.write_text(self.config.read_text() + "".join(
            f"zz{n}: 1\n" for n in range(60)))
        done = self.check()
        self.assertEqual(done.returncode, 1)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 51)
        self.assertEqual(lines[-1], "... and 10 more")

    def test_a_default_is_named_by_its_key(self):
        self.config.write_text(
            f"store: s\ndata: {self.folder}\ncloud: {{region: eu-west-1}}\n"
            "streams: [{name: a, sink: {kinesis: {stream: s}}}]\n")
        environment = {"AWS_CA_BUNDLE": "/no/bundle.pem"} | KEYS
        done = subprocess.run([PROGRAM, "check", "--config", self.config],
                              env=os.environ | environment, text=True,
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cloud.ca_file: cannot read CA certificates from "
                      "/no/bundle.pem", done.stderr)


class Warnings(CheckCase):
    def test_an_unknown_region(self):
        self.write(region="eu-centrl-1")
        self.is_warning("15:11", "eu-centrl-1", "such as eu-central-1")

    def test_an_unknown_currency(self):
        self.write(currency="EUX")
        self.is_warning("17:18", "EUX", "ISO 4217")

    def test_a_start_logs_them(self):
        """A start that is refused for something else says both."""
        self.write(currency="EUX", program="/no/mosquitto")
        done = run("run", "--config", self.config)
        self.assertEqual(done.returncode, 1)
        self.assertIn("warning: ", done.stderr)
        self.assertIn("EUX", done.stderr)

    def test_ports_that_are_taken(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            self.write(listen=f"127.0.0.1:{port}")
            self.is_warning("7:11", f"port {port} on 127.0.0.1 is taken",
                            "disable --now mosquitto")
            self.write(page=f"127.0.0.1:{port}")
            self.is_warning("18:19", f"uses port {port} of 127.0.0.1")

    def test_files_of_tls(self):
        """Without one its listeners stay away, and the rest sells."""
        made = self.folder / "ca"
        for words in (["init"], ["server", "--dns", "localhost"]):
            done = run("pki", *words, "--dir", made)
            self.assertEqual(done.returncode, 0, done.stderr)
        files = {"cert_file": made / "server.pem",
                 "key_file": made / "server.key", "ca_file": made / "ca.pem",
                 "crl_file": made / "crl.pem"}
        self.write_tls(files, certificates="true")
        done = self.check()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for name, word in (("cert_file", "stay away"),
                           ("key_file", "stay away"),
                           ("ca_file", "shopme-edge pki"),
                           ("crl_file", "would be let in")):
            with self.subTest(name=name):
                missing = files | {name: self.folder}
                self.write_tls(missing, certificates="true")
                self.is_warning(f"{9 + list(files).index(name)}:"
                                f"{7 + len(name)}",
                                f"cannot read {self.folder}: Is a directory",
                                word)
        wrong = self.folder / "wrong"
        for name, bytes_, word in (
                ("cert_file", b"hello", "cannot be read: give PEM"),
                ("key_file", (made / "ca.key").read_bytes(),
                 "does not belong to the certificate"),
                ("ca_file", (made / "server.pem").read_bytes(),
                 "is not a CA's"),
                ("crl_file", b"hello", "no revocation list"),
                ("crl_file", None, "is not there")):
            with self.subTest(name=name, word=word):
                wrong.write_bytes(bytes_ or b"")
                wrong.chmod(0o600)
                where = wrong if bytes_ else self.folder / "none"
                self.write_tls(files | {name: where}, certificates="true")
                self.is_warning(f"{9 + list(files).index(name)}:"
                                f"{7 + len(name)}", word)
        run("pki", "init", "--dir", self.folder / "other")
        self.write_tls(files | {
            "ca_file": self.folder / "other/ca.pem",
            "crl_file": self.folder / "other/crl.pem"}, certificates="true")
        self.is_warning("9:16", "no CA of tls.ca_file has signed")
        # There may be no list, and without certificates no CA.
        self.write_tls({name: path for name, path in files.items()
                        if name != "crl_file"}, certificates="true")
        self.assertEqual(self.check().stderr, "")
        self.write_tls(files | {"ca_file": self.folder / "none"})
        self.assertEqual(self.check().stderr, "")
        files["key_file"].chmod(0o640)
        self.write_tls(files)
        self.assertEqual(self.check().stderr, "")
        files["key_file"].chmod(0o644)
        self.is_warning("10:15", "that every user can read", "chmod 600")

    def write_tls(self, files, certificates="false"):
        self.write()
        text = "  tls:\n" + "".join(
            f"    {name}: {path}\n" for name, path in files.items())
        lines = self.config.read_text().replace(
            f"  listen: 127.0.0.1:{self.broker_port}\n",
            f"  listen: [{{address: \"127.0.0.1:{self.broker_port}\", "
            f"tls: true, certificates: {certificates}}}]\n" + text)
        self.config.write_text(lines)

    def test_an_address_of_another_machine(self):
        """It may come later, as when the network does."""
        self.write(listen='[{address: "192.0.2.1:1883"}]')
        self.is_warning("7:22", "192.0.2.1")

    def test_a_page_that_stays_closed(self):
        """The store sells without it."""
        for page in ("0.0.0.0:8080", "[::]:8080", "shop.invalid:8080",
                     "300.1.2.3:8080"):
            self.write(page=page)
            self.is_warning("18:19", page, "the page stays closed",
                            "write 127.0.0.1:8080")
            self.assertNotIn("page: ", self.check().stdout)

    def test_the_control_socket(self):
        """The store sells without it."""
        path = self.folder / "file"
        path.write_text("")
        self.write(control_socket=path)
        self.is_warning("3:17", f"found {path}, which is not a socket")
        self.write(control_socket="/" + "c" * 108)
        self.is_warning("3:17", "109 bytes", "at most 107",
                        "no command reaches the gateway")
        self.write(control_socket=self.folder / "no/control.sock")
        self.is_warning("3:17", "cannot write in", "No such file or directory")

    def test_no_room(self):
        self.write(free_floor="1 TiB")
        stat = os.statvfs(self.folder)
        if stat.f_bavail * stat.f_frsize > 1 << 40:
            self.skipTest("the disk has more than 1 TiB free")
        self.is_warning("4:13", "MiB free on the disk", "1048576 MiB")

    def test_a_name_that_is_not_read(self):
        self.write()
        (self.folder / "conf.d").mkdir()
        (self.folder / "conf.d/store.yml").write_text("store: s2\n")
        done = self.check()
        self.assertEqual(done.returncode, 0)
        self.assertIn("found store.yml, which is not read", done.stderr)

    def test_a_running_gateway_has_its_own_ports_and_credentials(self):
        with Store(cloud=False) as store:
            store.gateway.start().wait_up()
            done = run("check", "--config", store.config_path)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            done = run("check", "--config", store.config_path, keys=False)
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stderr, "^warning: .*AWS_ACCESS_KEY_ID is "
                             "not set[^\n]*\n$")
            self.assertEqual(store.gateway.stop(), 0)


class Files(CheckCase):
    def test_conf_d(self):
        """The files are named in order; what is merged is printed; an error
        names its file."""
        self.write()
        folder = self.folder / "conf.d"
        folder.mkdir()
        (folder / "50-store.yaml").write_text("store: store-7\n")
        (folder / "10-fleet.yaml").write_text("store: fleet\nshop: {currency: "
                                              "CHF}\n")
        done = self.check()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.splitlines()[:5], [
            f"{self.config}: ok", f"  read {self.config}",
            f"  read {folder}/10-fleet.yaml", f"  read {folder}/50-store.yaml",
            f"  store store-7, data in {self.folder}/data"])
        printed = self.check("--print").stdout
        self.assertIn('store: "store-7"', printed)
        self.assertIn('currency: "CHF"', printed)

        (folder / "50-store.yaml").write_text("stor: store-7\n")
        done = self.check()
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{folder}/50-store.yaml:1:1: found the unknown key",
                      done.stderr)
        self.assertIn(f"  read {folder}/10-fleet.yaml", done.stderr)

    def test_what_is_no_file_in_conf_d(self):
        """It hides keys: nothing is said that they may have put right."""
        self.write(region="mars-north-1")
        folder = self.folder / "conf.d"
        for make, why in (
                (lambda path: path.symlink_to("/no/where"),
                 "found a.yaml, a link to a file that is not there"),
                (os.mkfifo, "found a.yaml, which is no file"),
                (pathlib.Path.mkdir, "Is a directory")):
            with self.subTest(why=why):
                folder.mkdir()
                make(folder / "a.yaml")
                done = self.check()
                shutil.rmtree(folder)
                self.assertEqual(done.returncode, 1)
                lines = [line for line in done.stderr.splitlines()
                         if not line.startswith("  read ")]
                self.assertEqual(len(lines), 1, lines)
                self.assertIn(why, lines[0])

    def test_a_gateway_runs_with_conf_d(self):
        with Store(cloud=False) as store:
            folder = store.folder / "conf.d"
            folder.mkdir()
            (folder / "a.yaml").write_text(
                "streams: [{name: telemetry, sink: {kinesis: {stream: t}}},\n"
                "  {name: video}]\n")
            store.gateway.start().wait_up()
            names = [s["name"] for s in store.gateway.status()["streams"]]
            self.assertEqual(names, ["orders", "telemetry", "video"])
            done = run("status", "--config", store.config_path)
            self.assertIn("video", done.stdout)
            self.assertEqual(store.gateway.stop(), 0)

    def test_files_only(self):
        """What a build machine can check for a store."""
        self.write(data="/no/such/folder/data", program="/no/mosquitto",
                   ca_file="/no/ca.pem")
        done = self.check("--files-only", keys=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.check("--print", keys=False).returncode, 0)
        self.write(data="relative", program="/no/mosquitto")
        done = self.check("--files-only")
        self.assertEqual((done.returncode, len(done.stderr.splitlines())),
                         (1, 1))

    def test_the_example(self):
        done = run("check", "--files-only", "--config", EXAMPLE, keys=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_nested_brackets(self):
        """80 KB of them took 15 s: 5 s are generous, and the place shows that
        no more was read than the first of them."""
        self.config.write_text("store: " + "[" * 80000)
        began = time.monotonic()
        done = self.check()
        took = time.monotonic() - began
        self.assertEqual(done.returncode, 1)
        self.assertIn(":1:23: found brackets or lists nested more than 16 "
                      "deep", done.stderr)
        self.assertLess(took, 5)


class WayOutTest(CheckCase):
    """What `check` says of the way to the cloud."""

    def way(self, cloud="", **extra):
        self.write()
        self.config.write_text(self.config.read_text().replace(
            "cloud:\n", "cloud:\n" + cloud))
        done = self.check(extra=extra)
        self.assertEqual(done.returncode, 0, done.stderr)
        (line,) = [line for line in done.stdout.splitlines()
                   if "by way of" in line]
        return line.split("by way of ")[1]

    def test_the_proxy_is_named(self):
        # Goal: which proxy is used, and who says so; never its login.
        there = "https://events.eu-central-1.amazonaws.com"
        self.assertEqual(self.way(), there)
        self.assertEqual(
            self.way(HTTPS_PROXY="http://u:hush@p.example:3128"),
            there + ", by proxy p.example:3128 (HTTPS_PROXY, with a login)")
        self.assertEqual(self.way(HTTPS_PROXY="http://p:1",
                                  NO_PROXY="amazonaws.com"), there)
        login = self.folder / "login"
        login.write_text("u:hush\n")
        login.chmod(0o600)
        self.assertEqual(
            self.way("  proxy: http://10.0.0.1:8080\n"
                     f"  proxy_login_file: {login}\n",
                     HTTPS_PROXY="http://p:1", NO_PROXY="*"),
            there + ", by proxy 10.0.0.1:8080 (cloud.proxy, with a login)")
        self.assertEqual(self.way("  proxy: none\n",
                                  HTTPS_PROXY="http://p:1"), there)

    def test_what_the_environment_adds(self):
        # Goal: AWS's own variables count, and the file goes before them.
        self.assertEqual(self.way(AWS_REGION="us-east-1"),
                         "https://events.eu-central-1.amazonaws.com")
        self.assertEqual(self.way(AWS_USE_FIPS_ENDPOINT="true"),
                         "https://events-fips.eu-central-1.amazonaws.com")
        self.assertEqual(
            self.way("  endpoints: {eventbridge: \"https://vpce:8443\"}\n",
                     AWS_ENDPOINT_URL="https://other"), "https://vpce:8443")
        text = self.config.read_text()
        for name, region in (("AWS_DEFAULT_REGION", "us-gov-west-1"),
                             ("AWS_REGION", "cn-north-1")):
            self.config.write_text(text.replace("  region: eu-central-1\n", "")
                                   .replace("endpoints:", "#"))
            done = self.check(extra={"AWS_DEFAULT_REGION": "us-gov-west-1",
                                     name: region})
            self.assertIn(f"by way of https://events.{region}.amazonaws.com",
                          done.stdout, done.stderr)
        self.is_error("12:7", "no cloud.region", "AWS_REGION",
                      extra={"AWS_REGION": "No Region"})

    def test_a_region_that_only_the_gateway_has(self):
        """As from the unit's credentials.env: it sells, and who asks it or
        reads its journal from a shell needs no region."""
        with Store(environment={"AWS_REGION": "eu-central-1"}) as store:
            text = store.config_path.read_text()
            store.config_path.write_text(
                text.replace("  region: eu-central-1\n", ""))
            store.gateway.start().wait_up()
            config = ("--config", store.config_path)
            for words in (("status",), ("sync", "--timeout", "10"),
                          ("journal", "list"), ("journal", "cat"),
                          ("journal", "replay"), ("device", "list"),
                          ("device", "add", "till-1")):
                with self.subTest(words=words):
                    done = run(*words, *config)
                    self.assertEqual(done.returncode, 0, done.stderr)
            done = run("check", *config)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stderr, "^warning: .* no cloud.region")
            done = run("check", "--files-only", *config)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stderr, "^warning: .* no cloud.region")
            self.assertEqual(store.gateway.stop(), 0)
            self.assertEqual(run("check", *config).returncode, 1)
            (store.folder / "edge.credentials.env").touch()
            done = run("check", *config)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("cloud.region: none in this environment; the systemd "
                          "unit reads more from", done.stderr)
            self.assertEqual(run("run", *config).returncode, 1)

    def test_a_proxy_that_is_none(self):
        # Goal: what is not spoken is an error, by the name of its variable.
        self.write()
        self.is_error("12:7", "HTTPS_PROXY", "http://HOST:PORT",
                      extra={"HTTPS_PROXY": "socks5://p:1"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
